"""Changes of single entries of the roster, in the words of its file: put one, add one, take one out.

Each takes what is in force and gives what is wanted, or raises what the API answers instead; nothing is kept. The whole
is read again by the checks of the file, so an edit can do nothing that the file could not say.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app import out_of_sight
from app.problems import Problem
from app.roster_diff import NOUNS, entries, entry_id
from app.rosters import Snapshot
from config.roster_file import read_document
from config.roster_writer import document
from config.written import Data
from model.errors import WrongFields
from model.rota import Rotation
from routing.turns import turns

_TICK = timedelta(microseconds=1)
BODY = "body"  # what the entry of a request is called in its problems


def put(before: Snapshot, section: str, name: str, entry: Mapping[str, Any]) -> Snapshot:
    """The entry of that name becomes `entry`, in its place, or at the end where there was none."""
    data = document(before.roster)
    data[section] = data.get(section, {}) | {name: entry}
    return _read(before, data, {f"{section}.{name}": BODY})


def remove(before: Snapshot, section: str, name: str) -> Snapshot:
    """Raises Problem 409 with the places that still name it. A rotation takes its overrides along."""
    data = document(before.roster)
    del data[section][name]
    if section == "rotations":
        data["overrides"] = [o for o in data.get("overrides", []) if o["rotation"] != name]
    return _without(before, data, f"{NOUNS[section]} {name}")


def add(before: Snapshot, section: str, entry: Mapping[str, Any], now: datetime, called: str = BODY) -> Snapshot:
    """One more override or absence, after those that are there; `called` so in problems.

    Raises WrongFields for one that is over at `now`, or farther ahead than anybody would see what it does.
    """
    data = document(before.roster)
    data[section] = [*data.get(section, []), entry]
    after = _read(before, data, {f"{section}[{len(data[section]) - 1}]": called})
    *others, added = document(after.roster)[section]
    if entry_id(section, added) in entries(section, others):
        raise Problem(409, "It is there already", f"the same {NOUNS[section]} is in force")
    if wrong := out_of_sight.problem(getattr(after.roster, section)[-1], now):
        field, sentence = f"{called}.{wrong[0]}", wrong[1]
        raise WrongFields(f"{field}: {sentence}", ((field, sentence),))
    return after


def remove_listed(before: Snapshot, section: str, name: str) -> Snapshot:
    """Without the override or absence of that id, which is there."""
    data = document(before.roster)
    kept = entries(section, data[section])
    del kept[name]
    data[section] = list(kept.values())
    return _read(before, data, {})


def put_route(before: Snapshot, name: str, entry: Data, place: str | None) -> Snapshot:
    """The route goes before the one called `place`; None: where it was, or before the catch-all."""
    data = document(before.roster)
    routes: list[Data] = data.get("routes", [])
    names = [route["id"] for route in routes]
    at = names.index(name) if name in names else len(routes) - 1
    if name in names:
        del routes[at]
    if place is not None:
        at = next(n for n, route in enumerate(routes) if route["id"] == place)
    routes.insert(at, entry)
    return _read(before, data, {f"routes[{at}]": BODY})


def remove_route(before: Snapshot, name: str) -> Snapshot:
    """Raises Problem 409 for the catch-all."""
    data = document(before.roster)
    data["routes"] = [route for route in data["routes"] if route["id"] != name]
    return _without(before, data, f"route {name}")


def put_resources(before: Snapshot, resources: Iterable[tuple[str, Data]]) -> Snapshot:
    """Each with how it is called in problems. What is there under the same scheme and code is replaced in its place."""
    data = document(before.roster)
    there = {_ref(entry): entry for entry in data.get("resources", [])}
    called = {}
    for name, entry in resources:
        there[_ref(entry)], called[_ref(entry)] = entry, name
    data["resources"] = list(there.values())
    paths = {f"resources[{n}]": called[ref] for n, ref in enumerate(there) if ref in called}
    return _read(before, data, paths)


def remove_resource(before: Snapshot, scheme: str, code: str) -> Snapshot:
    data = document(before.roster)
    data["resources"] = [entry for entry in data["resources"] if _ref(entry) != (scheme, code)]
    return _read(before, data, {})


def _ref(resource: Data) -> tuple[str | None, str | None]:
    return resource.get("scheme"), resource.get("code")


def places_of(before: Snapshot, section: str, name: str) -> tuple[tuple[str, str], ...]:
    """Where the entry is named: the paths, each with what would be wrong there without it."""
    data = document(before.roster)
    del data[section][name]
    try:
        read_document(data)
    except WrongFields as wrong:
        return wrong.problems
    return ()


def without_person(before: Snapshot, person: str, now: datetime) -> Snapshot:
    """The person gone, from turns, overrides, absences and steps as well. Who else has a turn at `now` keeps it.

    Raises Problem 409 where something cannot be without them, such as a rotation in which there is nobody else.
    """
    data = deepcopy(document(before.roster))
    del data["people"][person]
    for name, rotation in data.get("rotations", {}).items():
        rotation["layers"] = list(_layers_without(before.roster.rotations[name], rotation["layers"], person, now))
    for policy in data.get("policies", {}).values():
        policy["steps"] = list(_steps_without(policy["steps"], person))
    for section in ("overrides", "absences"):
        data[section] = [e for e in data.get(section, []) if person not in (e.get("person"), e.get("replaces"))]
    return _without(before, data, f"person {person}")


def _layers_without(rotation: Rotation, layers: list[Data], person: str, now: datetime) -> Iterator[Data]:
    zone = ZoneInfo(rotation.timezone)
    for layer, written in zip(rotation.layers, layers, strict=True):
        running = next((turn.number for turn in turns(layer, zone, now, now + _TICK)), 0)
        if left := _turns_without(written["participants"], person, running):
            yield written | {"participants": left}


def _turns_without(participants: list[Any], person: str, running: int) -> list[Any]:
    """Whoever has the turn that is `running` keeps it, the others follow in their order: numbers choose among fewer."""
    first = running % len(participants)
    in_order = participants[first:] + participants[:first]
    cut = [turn if isinstance(turn, str) else [p for p in turn if p != person] for turn in in_order]
    left = [turn for turn in cut if turn and turn != person]
    first = -running % len(left) if left else 0
    return left[first:] + left[:first]


def _steps_without(steps: list[Data], person: str) -> Iterator[Data]:
    for step in steps:
        left = step | {"people": [p for p in step.get("people", []) if p != person]}
        if not left["people"]:
            del left["people"]
        if "people" in left or "rotations" in left:
            yield left


def _read(before: Snapshot, data: Data, called: Mapping[str, str]) -> Snapshot:
    """`called`: what the request calls the entries that came with it, by their paths."""
    try:
        return _snapshot(before, data)
    except WrongFields as wrong:
        raise _renamed(wrong, called) from None


def _without(before: Snapshot, data: Data, what: str) -> Snapshot:
    try:
        return _snapshot(before, data)
    except WrongFields as wrong:
        errors = [{"field": field, "expected": sentence} for field, sentence in wrong.problems]
        detail = f"{what} is still needed by {', '.join(field or 'the roster' for field, _ in wrong.problems)}"
        raise Problem(409, "Something that stays depends on it", detail, errors=errors) from None


def _snapshot(before: Snapshot, data: Data) -> Snapshot:
    return replace(before, roster=replace(read_document(data), version=before.roster.version))


def _renamed(wrong: WrongFields, called: Mapping[str, str]) -> WrongFields:
    """Problems named as the request names its fields."""
    problems = tuple((_name(path, called), sentence) for path, sentence in wrong.problems)
    return WrongFields("\n".join(f"{field}: {sentence}" for field, sentence in problems), problems)


def _name(path: str, called: Mapping[str, str]) -> str:
    for entry, name in called.items():
        if path == entry or path.startswith((f"{entry}.", f"{entry}[")):
            return name + path.removeprefix(entry)
    return path
