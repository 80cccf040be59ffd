"""Reads rotations, overrides and absences of the roster file into the nouns of model/rota.py."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from config import fields as f
from config.fields import Fields, Parse, Problems
from config.yaml_tree import Node
from model.rota import (
    MAX_LAYERS,
    MAX_PARTICIPANTS,
    MAX_PRIORITY,
    MAX_RESTRICTIONS,
    MAX_SHIFT_COUNT,
    MAX_TOGETHER,
    Absence,
    Layer,
    Override,
    OverrideAction,
    Restriction,
    Rotation,
    ShiftLength,
    ShiftUnit,
    Weekday,
)
from routing.turns import first_instant

Zone = Callable[[str], str]  # the timezone of an entry by its id
_MIDNIGHT = time(0)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class RotaReader:
    """`ref` makes a parser for the id of an entry of a section."""

    def __init__(self, problems: Problems, ref: Callable[[str], Parse[str]]) -> None:
        self._problems = problems
        self._ref = ref

    def rotation(self, name: str, entry: Fields) -> Rotation:
        return Rotation(
            id=name,
            name=entry.required("name", f.text, ""),
            team=entry.required("team", self._ref("teams"), ""),
            timezone=entry.required("timezone", f.timezone, "UTC"),
            layers=entry.required("layers", f.each(self._nested(self._layer), MAX_LAYERS), ()),
        )

    def override(self, zone_of: Zone, entry: Fields) -> Override:
        """`zone_of` a rotation: its wall clock is meant where there is no offset."""
        rotation = entry.required("rotation", self._ref("rotations"), "")
        action = entry.required("action", f.choice(OverrideAction), OverrideAction.ADD)
        start, end = self._interval(entry, zone_of(rotation))
        if entry.given("replaces") and action is not OverrideAction.REPLACE:
            self._problems.add(entry.node, f'"replaces" belongs to action replace, not {action}')
        return Override(
            rotation=rotation,
            action=action,
            start=start,
            end=end,
            person=entry.required("person", self._ref("people"), ""),
            replaces=entry.optional("replaces", self._ref("people"), None),
        )

    def absence(self, zone_of: Zone, entry: Fields) -> Absence:
        """`zone_of` a person: their wall clock is meant where there is no offset."""
        person = entry.required("person", self._ref("people"), "")
        start, end = self._interval(entry, zone_of(person))
        return Absence(person=person, start=start, end=end)

    def _interval(self, entry: Fields, zone: str) -> tuple[datetime, datetime]:
        at = f.instant(lambda wall: first_instant(wall, ZoneInfo(zone)))
        # "start" and "end" are what these fields were called first.
        begins, ends = ("start", "end") if entry.given("start") and not entry.given("from") else ("from", "to")
        start, end = entry.required(begins, at, _FIRST), entry.required(ends, at, _LAST)
        if start >= end:
            self._problems.add(entry.node, f'expected "{begins}" before "{ends}"')
        return start.astimezone(UTC), end.astimezone(UTC)

    def _layer(self, entry: Fields) -> Layer:
        layer = Layer(
            name=entry.required("name", f.text, ""),
            participants=entry.required("participants", f.each(self._turn, MAX_PARTICIPANTS), ()),
            shift=entry.required("shift", self._nested(_shift), ShiftLength(unit=ShiftUnit.WEEK)),
            starts_at=entry.required("starts_at", f.wall_time, datetime.min),  # noqa: DTZ901 - wall time
            ends_at=entry.optional("ends_at", f.wall_time, None),
            restrictions=entry.optional(
                "restrictions", f.each(self._nested(_restriction), MAX_RESTRICTIONS), tuple[Restriction, ...]()
            ),
            priority=entry.optional("priority", f.whole(-MAX_PRIORITY, MAX_PRIORITY), 0),
        )
        if layer.ends_at is not None and layer.ends_at <= layer.starts_at:
            self._problems.add(entry.node, 'expected "starts_at" before "ends_at"')
        return layer

    def _turn(self, node: Node) -> tuple[str, ...]:
        """One person, or a list of those who are on call together."""
        person = self._ref("people")
        if not isinstance(node.value, list):
            return (person(node),)
        return f.no_doubles(f.each(person, MAX_TOGETHER))(node)

    def _nested(self, read: Callable[[Fields], f.T]) -> Parse[f.T]:
        """A parser for fields within a field."""

        def parse(node: Node) -> f.T:
            with Fields(node, self._problems) as entry:
                return read(entry)

        return parse


def _shift(entry: Fields) -> ShiftLength:
    return ShiftLength(
        unit=entry.required("unit", f.choice(ShiftUnit), ShiftUnit.WEEK),
        count=entry.optional("count", f.whole(1, MAX_SHIFT_COUNT), 1),
    )


def _restriction(entry: Fields) -> Restriction:
    days = entry.optional("days", f.no_doubles(f.each(f.choice(Weekday))), tuple(Weekday))
    return Restriction(
        days=tuple(day for day in Weekday if day in days),
        start=entry.required("from", f.clock_time, _MIDNIGHT),
        end=entry.required("to", f.clock_time, _MIDNIGHT),
    )
