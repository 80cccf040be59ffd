"""A roster as the data its file would hold: what `config/roster_reader.py` reads, written back. Pure.

Whatever is as it would be when left out is left out. Keys are not in it: of their secrets only hashes are known.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from config import yaml_tree
from config.source_writer import source
from config.written import Data, given, texts, unless
from model.plan import WAYS, ChannelName
from model.roster import AwakeHours, PagerDutyMode, PagerDutyService, Person, Policy, Resource, Roster, Step, Team, Wake
from model.rota import Absence, Layer, Override, Restriction, Rotation, ShiftLength, Weekday
from model.route import Match, Route

_POLICY = Policy(id="", steps=())
_STEP = Step(after_seconds=0)
_LINE_CHARS = 120
_VALUE_CHARS = 24  # around a value: indentation, quotes, ends of lines
_ESCAPE_CHARS = 10  # such as \U0001F50C
_HEAD = "from_version: {}  # nothing that was changed after it is undone; take this line out if that is meant\n"
FROM_VERSION = re.compile(r"^(from_version: *)\d+", re.MULTILINE)
_HEAD_CHARS = len(_HEAD) + 7  # a version has up to nine digits


def exported(roster: Roster) -> str:
    """The roster file that says `roster`, and of which version it is."""
    return _HEAD.format(roster.version) + to_yaml(roster)


def to_yaml(roster: Roster) -> str:
    """The roster file that says `roster`."""
    return yaml.dump(
        document(roster),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=_LINE_CHARS,
    )


def fits(roster: Roster) -> bool:
    """Whether its export can be read again: small enough for `config/yaml_tree.py`."""
    nodes, chars = _extent(document(roster))
    if nodes + 1 > yaml_tree.MAX_NODES:
        return False
    most = yaml_tree.MAX_CHARS - _HEAD_CHARS
    # Writing thousands of entries takes seconds, so only where it matters.
    return chars <= most or len(to_yaml(roster)) <= most


def document(roster: Roster) -> Data:
    """Its sections in the order of docs/roster.md; those without entries are left out."""
    sections = {
        "admin_channel": roster.admin_channel,
        "people": {p.id: _person(p) for p in roster.people.values()},
        "teams": {t.id: _team(t) for t in roster.teams.values()},
        "rotations": {r.id: _rotation(r) for r in roster.rotations.values()},
        "overrides": [_override(o, roster.rotations[o.rotation].timezone) for o in roster.overrides],
        "absences": [_absence(a, roster.people[a.person].timezone) for a in roster.absences],
        "policies": {p.id: _policy(p) for p in roster.policies.values()},
        "routes": [_route(r) for r in roster.routes],
        "resources": [_resource(r) for r in roster.resources],
        "sources": {s.id: source(s) for s in roster.sources.values()},
    }
    return given(sections)


def entry(roster: Roster, section: str, name: str) -> Data | None:
    """The entry of that name in a section of names, None when it is not there."""
    there, written = getattr(roster, section), _WRITTEN[section]
    return written(there[name]) if name in there else None


def route(roster: Roster, name: str) -> Data | None:
    return next((_route(r) for r in roster.routes if r.id == name), None)


def resource(roster: Roster, scheme: str, code: str) -> Data | None:
    found = roster.resource(scheme, code)
    return _resource(found) if found else None


def _person(person: Person) -> Data:
    phones, sms = person.addresses(ChannelName.VOICE), person.address(ChannelName.SMS)
    phone, other_phone = (*phones, None, None)[:2]
    return given(
        {
            "name": person.name,
            "timezone": person.timezone,
            "phone": phone,
            "other_phone": other_phone,
            "sms": None if sms == phone else sms or False,
            **{way.address.field: person.address(channel) for channel, way in WAYS.items() if way.address},
            "awake": None if person.awake == AwakeHours() else _awake(person.awake),
            "language": unless(person.language, "en"),
            "pagerduty_user": person.pagerduty_user,
            "handoff_reminder": person.handoff_reminder,
        }
    )


def _awake(hours: AwakeHours) -> Data:
    return {"start": _clock(hours.start), "end": _clock(hours.end)}


def _team(team: Team) -> Data:
    return given(
        {
            "name": team.name,
            "slack_channel": team.slack_channel,
            "slack_test_channel": team.slack_test_channel,
            "pagerduty": _pagerduty(team.pagerduty) if team.pagerduty else None,
        }
    )


def _pagerduty(service: PagerDutyService) -> Data:
    return given({"routing_key": service.routing_key, "mode": unless(service.mode, PagerDutyMode.RECORD)})


def _rotation(rotation: Rotation) -> Data:
    return {
        "name": rotation.name,
        "team": rotation.team,
        "timezone": rotation.timezone,
        "layers": [_layer(layer) for layer in rotation.layers],
    }


def _layer(layer: Layer) -> Data:
    return given(
        {
            "name": layer.name,
            "participants": [turn[0] if len(turn) == 1 else list(turn) for turn in layer.participants],
            "shift": _shift(layer.shift),
            "starts_at": _written(layer.starts_at),
            "ends_at": _written(layer.ends_at) if layer.ends_at else None,
            "restrictions": [_restriction(r) for r in layer.restrictions],
            "priority": unless(layer.priority, 0),
        }
    )


def _shift(shift: ShiftLength) -> Data:
    return given({"unit": str(shift.unit), "count": unless(shift.count, 1)})


def _restriction(hours: Restriction) -> Data:
    days = None if hours.days == tuple(Weekday) else [str(day) for day in hours.days]
    return given({"days": days, "from": _clock(hours.start), "to": _clock(hours.end)})


def _override(override: Override, timezone: str) -> Data:
    return given(
        {
            "rotation": override.rotation,
            "action": str(override.action),
            "person": override.person,
            "replaces": override.replaces,
            "from": _local(override.start, timezone),
            "to": _local(override.end, timezone),
        }
    )


def _absence(absence: Absence, timezone: str) -> Data:
    return {
        "person": absence.person,
        "from": _local(absence.start, timezone),
        "to": _local(absence.end, timezone),
    }


def _policy(policy: Policy) -> Data:
    names = [f.name for f in fields(policy) if f.name not in ("id", "steps", "then")]
    changed = {name: unless(getattr(policy, name), getattr(_POLICY, name)) for name in names}
    then = {"policy": policy.then.policy, "after_seconds": policy.then.after_seconds} if policy.then else None
    return given(changed) | {"steps": [_step(step) for step in policy.own_steps]} | given({"then": then})


def _step(step: Step) -> Data:
    channels = None if step.channels == _STEP.channels else texts(step.channels)
    return {"after_seconds": step.after_seconds} | given(
        {
            "rotations": list(step.rotations),
            "people": list(step.people),
            "wake": unless(step.wake, Wake.ANY),
            "channels": channels,
            "management": step.management or None,
        }
    )


def _route(route: Route) -> Data:
    match = None if route.match == Match() else _match(route.match)
    shown = {"id": route.id, "match": match, "team": route.team, "policy": route.policy or None}
    more = {"continue": route.continues or None, "drills_reach_management": route.drills_reach_management or None}
    return given(shown | more)


def _match(match: Match) -> Data:
    return given({f.name: texts(getattr(match, f.name)) for f in fields(match)})


def _resource(resource: Resource) -> Data:
    return given(
        {
            "scheme": resource.scheme,
            "code": resource.code,
            "name": resource.name,
            "zone": resource.zone,
            "timezone": unless(resource.timezone, "UTC"),
            "contracted_mw": None if resource.contracted_mw is None else _number(resource.contracted_mw),
            "team": resource.team,
        }
    )


def _extent(data: Any) -> tuple[int, int]:
    """How many values there are, and how many characters that can be at most, with quotes, escapes and indentation."""
    match data:
        case dict():
            below = [_extent(value) for value in data.values()]
            names = sum(map(len, data))
        case list():
            below, names = [_extent(item) for item in data], 0
        case _:
            text = str(data)
            return 1, _VALUE_CHARS + len(text) * (2 if text.isascii() else _ESCAPE_CHARS)
    return 1 + sum(nodes for nodes, _ in below), _VALUE_CHARS + names + sum(chars for _, chars in below)


def _clock(at: time) -> str:
    return f"{at:%H:%M}"


def _local(at: datetime, timezone: str) -> str:
    """By the clock there, with its offset; in UTC where that is none of whole minutes, as the file knows no others."""
    there = at.astimezone(ZoneInfo(timezone))
    offset = there.utcoffset()
    return _written(there if offset is not None and not offset % timedelta(minutes=1) else at)


def _written(at: datetime) -> str:
    return at.isoformat(timespec="auto" if at.second or at.microsecond else "minutes")


def _number(megawatts: float) -> int | float | str:
    """1e-06 is written out: the file knows no exponents."""
    if megawatts.is_integer():
        return int(megawatts)
    return f"{megawatts:.6f}".rstrip("0") if "e" in repr(megawatts) else megawatts


_WRITTEN: Mapping[str, Callable[[Any], Data]] = {
    "people": _person,
    "teams": _team,
    "rotations": _rotation,
    "policies": _policy,
    "sources": source,
}


# Several times as fast, where PyYAML was built with libyaml.
_Fastest: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Fastest):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        """Equal lists are written twice: nobody wants to look up an anchor."""
        return True
