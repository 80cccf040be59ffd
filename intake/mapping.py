"""A JSON shape that an admin described: for each field of the canonical event a JMESPath expression that finds it.

What the event cannot do without is demanded; any other field that cannot be read is left out, with a warning.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from jmespath.exceptions import JMESPathError
from pydantic_core import PydanticCustomError

from intake import strict_json
from intake.amounts import megawatts, number
from intake.counted import whole
from intake.format import Format, Results
from intake.instants import lenient
from intake.jmes import STEPS, Search, TooCostly
from intake.meaning import reading_of
from intake.problem import NotReadable, not_readable, shortened, shown
from intake.statement import NAME_CHARS, REVISION_MAX, is_identifier
from model.digest import digest_of
from model.reading import Feed, Order, Problem, Reading, Unreadable

MEMBERS = 100  # of a message
REQUIRED = ("event_id", "headline")
_TEXTS = ("event_id", "headline", "issuer", "program", "phase_detail", "text", "contact", "source_timezone")
_WORDS = ("message_type", "mode", "phase", "severity", "end_kind", "clock_start")
_ORDER_WORDS = ("action", "target_kind")  # within the instruction, as target_mw and mandatory are
_TIMES = ("issued_at", "effective_at", "ends_at", "ack_due_at")
_PLACES = ("zones", "resources")
# `each`: the list of events in a message; the message itself is one, and so is each member of a list, when left out.
FIELDS = (
    "each",
    *_TEXTS,
    *_WORDS,
    *_TIMES,
    "revision",
    "nerc_eea",
    *_ORDER_WORDS,
    "target_mw",
    "target_unit",
    "mandatory",
    *_PLACES,
    "references",
    "sequence",
)
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(slots=True)
class _Finder:
    """Finds the fields of one member, and notes what it leaves out."""

    mapping: Mapping[str, str]
    search: Search
    member: Any
    zone: tzinfo
    warnings: list[str] = field(default_factory=list)

    def value(self, name: str) -> Any:
        """What the expression finds; None where it finds nothing or there is none."""
        if (expression := self.mapping.get(name)) is None:
            return None
        try:
            return self.search.find(expression, self.member)
        except JMESPathError as error:
            self.warnings.append(shortened(f"{name} is left out: {' '.join(str(error).split())}", 200))
            return None

    def read(self, name: str, read: Callable[[Any], Any], expected: str) -> Any:
        """The value as `read` understands it; None, which it says for what it does not, with a warning."""
        value = self.value(name)
        found = None if value is None else read(value)
        if value is not None and found is None:
            self.warnings.append(f"{name} {shown(value)} is left out: expected {expected}")
        return found

    def instant(self, value: Any) -> str | None:
        try:
            return lenient(value, self.zone).isoformat()
        except PydanticCustomError:
            return None


def read(body: bytes, headers: Mapping[str, str], feed: Feed, received_at: datetime) -> Results:
    """One result for each event. Raises NotReadable when there is none to be seen."""
    if not feed.mapping:
        raise not_readable("", "a source of format mapping without one", "`mapping` in the roster")
    document = strict_json.parse(body)
    message, search, zone = document.part(document.value), Search(), ZoneInfo(feed.timezone)
    try:
        members = _members(feed.mapping, search, message)
        return tuple(_one(_Finder(feed.mapping, search, member, zone)) for member in members)
    except TooCostly:
        raise not_readable("", "a message that the mapping works on for too long", f"at most {STEPS} steps") from None


def _members(mapping: Mapping[str, str], search: Search, message: Any) -> list[Any]:
    if (each := mapping.get("each")) is None:
        return _few(message, "") if isinstance(message, list) else [message]
    try:
        found = search.find(each, message)
    except JMESPathError as error:
        raise not_readable(each, " ".join(str(error).split()), "a list of events") from None
    if not isinstance(found, list):
        raise not_readable(each, "nothing" if found is None else shown(found), "a list of events")
    return _few(found, each)


def _few(members: list[Any], where: str) -> list[Any]:
    if not 1 <= len(members) <= MEMBERS:
        raise not_readable(where, f"a list of {len(members)}", f"a list of 1 to {MEMBERS}")
    return members


def _one(finder: _Finder) -> Reading | Unreadable:
    said = {name: value for name, value in _said(finder).items() if value is not None}
    if missing := [name for name in REQUIRED if name not in said]:
        problems = tuple(_missing(finder, name) for name in missing)
        return Unreadable(problems=problems, event_id=_claimed(said.get("event_id")))
    try:
        reading = reading_of(said, "", parsed=finder.member)
    except NotReadable as error:
        return Unreadable(problems=error.problems, event_id=_claimed(said.get("event_id")))
    sequence = finder.read("sequence", whole, "a whole number from 0")
    return replace(_ordered(reading), warnings=(*finder.warnings, *reading.warnings), sequence=sequence)


def _missing(finder: _Finder, name: str) -> Problem:
    found = f"nothing that can be read at {finder.mapping.get(name, 'no place')}"
    return Problem(field=name, found=shortened(found), expected="text, it is required")


def _claimed(value: Any) -> str | None:
    return value if is_identifier(value) else None


def _ordered(reading: Reading) -> Reading:
    """Senders of such shapes seldom number: what comes says how things are now, unless it says when it was said."""
    if reading.revision is not None:
        return reading
    order = Order.ISSUED if reading.content.issued_at else Order.ARRIVAL
    # What it said itself, before placing completes it: so the same again is known.
    return replace(reading, order=order, own_digest=digest_of(reading.content, reading.whole))


def _said(finder: _Finder) -> dict[str, Any]:
    """The canonical event."""
    said: dict[str, Any] = {name: finder.read(name, _text, "text") for name in _TEXTS}
    said |= {name: finder.read(name, _word, "a word") for name in _WORDS}
    said |= {name: finder.read(name, finder.instant, "a time") for name in _TIMES}
    said["revision"] = finder.read("revision", _whole(1, REVISION_MAX), "a whole number from 1")
    said["nerc_eea"] = finder.read("nerc_eea", _whole(0, 3), "a level from 0 to 3")
    said |= {name: _places(finder, name) for name in _PLACES}
    said["references"] = finder.read("references", _texts, "a list of text")
    instruction = {name: finder.read(name, _word, "a word") for name in _ORDER_WORDS}
    instruction["target_mw"] = _target(finder)
    instruction["mandatory"] = finder.read("mandatory", _truth, "true or false")
    said["instruction"] = {name: value for name, value in instruction.items() if value is not None} or None
    return said


def _target(finder: _Finder) -> float | None:
    unit = finder.read("target_unit", _text, "MW, kW, W or GW") or "MW"
    amount: float | None = finder.read(
        "target_mw", lambda value: megawatts(value, unit), f"an amount of power in {shortened(unit)}"
    )
    if amount is not None and amount < 0:
        finder.warnings.append(f"target_mw {amount:g} is left out: expected an amount from 0")
        return None
    return amount


def _places(finder: _Finder, name: str) -> list[dict[str, Any]] | None:
    """Objects with scheme and code; those that are none are left out."""
    found = finder.read(name, _list, "a list of objects with scheme and code")
    places = []
    for one in found or ():
        if (place := _place(one)) is None:
            finder.warnings.append(f"{name} {shown(one)} is left out: expected an object with scheme and code")
        else:
            places.append(place)
    return places or None


def _place(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    scheme, code = _text(value.get("scheme")), _text(value.get("code"))
    if not (scheme and code and len(scheme) <= NAME_CHARS and len(code) <= NAME_CHARS):
        return None
    amount = megawatts(value.get("target_mw"))
    given = {"target_mw": amount} if amount is not None and amount >= 0 else {}
    return {"scheme": scheme, "code": code} | given


def _text(value: Any) -> str | None:
    """Without spaces at its ends; a number in its usual form."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # not by way of a float, which makes one of two long ids
    if (amount := number(value)) is None:
        return None
    return str(int(amount)) if amount.is_integer() else repr(value)


def _word(value: Any) -> str | None:
    text = _text(value)
    return text.lower() if text else None


def _whole(least: int, most: int) -> Callable[[Any], int | None]:
    def read_whole(value: Any) -> int | None:
        amount = number(value)
        return int(amount) if amount is not None and amount.is_integer() and least <= amount <= most else None

    return read_whole


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = _word(value)
    return True if text in _TRUE else False if text in _FALSE else None


def _list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


def _texts(value: Any) -> list[str] | None:
    found = [_text(one) for one in value] if isinstance(value, list) else [None]
    return [text for text in found if text] if all(found) else None


FORMAT = Format(read=read)
