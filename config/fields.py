"""Read the fields of a YAML mapping and collect what is wrong with them, so that one start names every problem."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, time
from difflib import get_close_matches
from enum import StrEnum
from types import TracebackType
from typing import Self, TypeVar

import phonenumbers

from config import zones
from config.yaml_tree import Node
from model.errors import WrongFields

MAX_PROBLEMS = 20
MAX_TEXT_CHARS = 200
_FOUND_CHARS = 60

SLUG = re.compile(r"[a-z0-9-]{1,63}")
WALL = re.compile(r"(19|20|21)\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?", re.ASCII)
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_OFFSET = re.compile(r"(Z|[+-]\d\d:\d\d)$")
# A day within the years of WALL, as an instant is written back by another clock than the one it came by.
_FIRST, _LAST = datetime(1900, 1, 2, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)

T = TypeVar("T")
D = TypeVar("D")
E = TypeVar("E", bound=StrEnum)
Parse = Callable[[Node], T]


class Wrong(Exception):
    """One value is not what was expected. `found` None: as written in the file."""

    def __init__(self, node: Node, expected: str, found: str | None = None) -> None:
        super().__init__(expected)
        self.node = node
        self.sentence = f"expected {expected}, found {_found(node) if found is None else found}"


class Problems:
    """What is wrong with one file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[tuple[Node, str]] = []

    def add(self, node: Node, sentence: str) -> None:
        self._found.append((node, sentence))

    def raise_if_any(self) -> None:
        """Raise WrongFields with one line per problem, in the order of the file, at most MAX_PROBLEMS."""
        found = sorted(self._found, key=lambda problem: problem[0].line)
        more, found = len(found) - MAX_PROBLEMS, found[:MAX_PROBLEMS]
        lines = [self._line(node, sentence) for node, sentence in found]
        if more > 0:
            lines.append(f"… and {more} more")
        if lines:
            raise WrongFields("\n".join(lines), tuple((node.path, sentence) for node, sentence in found))

    def _line(self, node: Node, sentence: str) -> str:
        line = f"{self._file}:{node.line}: " if node.line else ""  # data that came by itself has no lines
        return f"{line}{node.path}: {sentence}" if node.path else f"{line}{sentence}"


class Fields:
    """The fields of one mapping, read by name; at the end of the `with` block those nobody asked for are unknown."""

    def __init__(self, node: Node, problems: Problems) -> None:
        self.node = node
        self._problems = problems
        self._fields: Mapping[str, Node] = {}
        self._asked: list[str] = []
        if isinstance(node.value, Mapping):
            self._fields = node.value
        else:
            # What stands here instead may be a secret.
            self.wrong(Wrong(node, "fields with names", "nothing" if node.value is None else "something else"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for name, node in self._fields.items():
            if name not in self._asked:
                self._problems.add(node, f"unknown field{did_you_mean(name, self._asked)}")

    def optional(self, name: str, parse: Parse[T], default: D) -> T | D:
        """What `parse` makes of the field, `default` when it is not given (or wrong, which is noted)."""
        self._asked.append(name)
        node = self._fields.get(name)
        if node is None:
            return default
        try:
            return parse(node)
        except Wrong as wrong:
            self.wrong(wrong)
            return default

    def required(self, name: str, parse: Parse[T], stand_in: T) -> T:
        """Like `optional`, but a missing field is a problem; `stand_in` lets reading go on to the next one."""
        if name not in self._fields and isinstance(self.node.value, Mapping):
            self._problems.add(self.node, f'"{name}" is missing')
        return self.optional(name, parse, stand_in)

    def given(self, name: str) -> Node | None:
        return self._fields.get(name)

    def wrong(self, wrong: Wrong) -> None:
        self._problems.add(wrong.node, wrong.sentence)


def text(node: Node) -> str:
    """1 to MAX_TEXT_CHARS printable characters."""
    if not isinstance(node.value, str) or not 0 < len(node.value) <= MAX_TEXT_CHARS or not node.value.isprintable():
        raise Wrong(node, f"text of at most {MAX_TEXT_CHARS} characters")
    return node.value


def slug(node: Node) -> str:
    return _matching(node, SLUG, "a name of a-z, 0-9 and -, at most 63 long")


TRUE, FALSE = ("true", "yes", "on"), ("false", "no", "off")


def truth(node: Node) -> bool:
    if node.value in TRUE:
        return True
    if node.value in FALSE:
        return False
    raise Wrong(node, "true or false")


def whole(minimum: int, maximum: int, unit: str = "") -> Parse[int]:
    """A whole number within the bounds, both included."""
    expected = f"a whole number{unit and ' of ' + unit} from {minimum} to {maximum}"

    def parse(node: Node) -> int:
        if not isinstance(node.value, str) or not re.fullmatch(r"-?\d{1,9}", node.value, re.ASCII):
            raise Wrong(node, expected)
        if not minimum <= (number := int(node.value)) <= maximum:
            raise Wrong(node, expected)
        return number

    return parse


def megawatts(node: Node) -> float:
    return float(_matching(node, re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII), "megawatts such as 12.5"))


def one_of(names: Iterable[str], what: str) -> Parse[str]:
    """One of `names`."""
    allowed = list(names)

    def parse(node: Node) -> str:
        if node.value not in allowed:
            raise Wrong(node, f"{what} ({', '.join(allowed)})")
        return str(node.value)

    return parse


def choice(enum: type[E]) -> Parse[E]:
    parse = one_of([member.value for member in enum], "one of")
    return lambda node: enum(parse(node))


def each(parse: Parse[T], at_most: int | None = None) -> Parse[tuple[T, ...]]:
    """A list with at least one item and `at_most` so many, each read by `parse`."""

    def parse_list(node: Node) -> tuple[T, ...]:
        if not isinstance(node.value, list) or not node.value:
            raise Wrong(node, "a list with at least one item")
        if at_most is not None and len(node.value) > at_most:
            raise Wrong(node, f"at most {at_most} items", str(len(node.value)))
        return tuple(parse(item) for item in node.value)

    return parse_list


def no_doubles(parse_list: Parse[tuple[T, ...]]) -> Parse[tuple[T, ...]]:
    """A list in which nothing stands twice."""

    def parse_once(node: Node) -> tuple[T, ...]:
        found = parse_list(node)
        if len(set(found)) < len(found):
            raise Wrong(node, "each only once", "one twice")
        return found

    return parse_once


def timezone(node: Node) -> str:
    """A name of the IANA time zone database that is in use."""
    name = text(node)
    if (expected := zones.problem(name)) is not None:
        raise Wrong(node, expected)
    return name


_IMPOSSIBLE = {
    phonenumbers.ValidationResult.TOO_SHORT: "longer: this is too short for its country",
    phonenumbers.ValidationResult.TOO_LONG: "shorter: this is too long for its country",
    phonenumbers.ValidationResult.INVALID_LENGTH: "of a length that its country has",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "with its area code: this one is called from next door only",
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "of a country that there is",
}


def phone(node: Node) -> str:
    """An E.164 number. Possible ones pass, as the numbers reserved for fiction are never valid."""
    expected = "an E.164 number such as +13125550101"
    written = _matching(node, re.compile(r"\+[0-9 ().-]{4,30}", re.ASCII), expected)
    try:
        number = phonenumbers.parse(written)
    except phonenumbers.NumberParseException:
        raise Wrong(node, f"{expected}, of a country that there is") from None
    if (rule := _IMPOSSIBLE.get(phonenumbers.is_possible_number_with_reason(number))) is not None:
        raise Wrong(node, f"{expected}, {rule} (+{number.country_code})")
    if phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.PREMIUM_RATE:
        raise Wrong(node, "a number that is not premium-rate")
    found = _e164(number)
    # What is stored is read again at each edit. Of two prefixes, as in +49 00 30, each reading drops one.
    if _e164(phonenumbers.parse(found)) != found:
        raise Wrong(node, f"{expected}, without what is dialled before its area code")
    return found


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def slack_channel(node: Node) -> str:
    return _matching(node, re.compile(r"[CG][A-Z0-9]{2,20}"), "a Slack channel id such as C024BE91L")


def clock_time(node: Node) -> time:
    return time.fromisoformat(_matching(node, CLOCK, "a time from 00:00 to 23:59"))


def wall_time(node: Node) -> datetime:
    """A date and time without zone: what the clock on the wall shows."""
    return _date_time(node, _matching(node, WALL, "a date and time such as 2026-01-05T09:00"))


def instant(to_utc: Callable[[datetime], datetime]) -> Parse[datetime]:
    """A date and time with Z or an offset, or a wall time which `to_utc` understands."""

    def parse(node: Node) -> datetime:
        written = text(node)
        zone = _OFFSET.search(written, 16)
        if not WALL.fullmatch(written[: zone.start()] if zone else written):
            raise Wrong(node, "a date and time such as 2026-01-05T09:00 or 2026-01-05T15:00Z")
        found = _date_time(node, written)
        at = found if found.tzinfo else to_utc(found)
        if not _FIRST <= at < _LAST:
            raise Wrong(node, f"a date from {_FIRST:%Y-%m-%d} until before {_LAST:%Y-%m-%d}")
        return at

    return parse


def did_you_mean(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, list(names), 1)
    return f'; did you mean "{close[0]}"?' if close else ""


def entries(node: Node | None) -> Iterator[tuple[str, Node]]:
    """The named entries of a section; none of a section that is missing, empty or no mapping."""
    if node is not None and isinstance(node.value, Mapping):
        yield from node.value.items()


def items(node: Node | None) -> Iterator[Node]:
    if node is not None and isinstance(node.value, list):
        yield from node.value


def _date_time(node: Node, written: str) -> datetime:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        raise Wrong(node, "a date and time that exist") from None


def _matching(node: Node, pattern: re.Pattern[str], expected: str) -> str:
    if not isinstance(node.value, str) or not pattern.fullmatch(node.value):
        raise Wrong(node, expected)
    return node.value


def _found(node: Node) -> str:
    match node.value:
        case None:
            return "nothing"
        case str() as written:
            short = written if len(written) <= _FOUND_CHARS else written[:_FOUND_CHARS] + "…"
            return json.dumps(short, ensure_ascii=False)
        case list() as found:
            return "a list" if found else "an empty list"
    return "fields"
