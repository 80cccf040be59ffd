"""JSON without room for two opinions: UTF-8, finite numbers, each field once, 64 levels, storable characters.

A good body is decoded once, by the compiled decoder when that is enough, else with hooks that raise. Only a body that
made them raise is decoded a second time, leaving a Flaw where something is wrong, so that the member of a list that
holds it can be named and the others still be read.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic_core import from_json

from intake.problem import NotReadable, not_readable, path, shortened, shown
from model.reading import Problem

NESTING = 64
MEMBERS = 500
OPENINGS = 25_000  # brackets of both kinds: so no body keeps the door busy, and the largest event has 10,000
FLAWS = 3  # told per member

# An escaped NUL or half of a surrogate pair: legal JSON, but no database and no phone takes it.
_ODD_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_BLANK_BEFORE_COLON = re.compile(rb'"\s+:')
_HARMLESS = frozenset({int, float, bool, type(None)})
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Flaw:
    """Stands where something was that strict JSON does not have."""

    found: str
    expected: str


class _Flawed(ValueError):
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.found)


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded body. `suspect`: its parts have to be looked through before they are used."""

    value: Any
    suspect: bool

    def part(self, value: Any, where: str = "", depth: int = 0) -> Any:
        """`value`, a part of this document `depth` levels down. Raises NotReadable when it holds a flaw."""
        if not self.sound(value, depth):
            raise NotReadable(*islice(_flaws(value, where, depth), FLAWS))
        return value

    def sound(self, value: Any, depth: int = 0) -> bool:
        """True when `value`, a part of this document, holds no flaw."""
        return not self.suspect or _is_sound(value, depth)


def parse(body: bytes) -> Document:
    """Decode `body`. Raises NotReadable when it is no JSON at all; lesser flaws are raised by `Document.part`."""
    if not body or body.isspace():
        raise not_readable("", "an empty body", "JSON")
    if (quick := _quick(body)) is not None:
        return Document(quick, _is_suspect(body))
    suspect = _is_suspect(body)
    try:
        value, flawed = _decode(body.removeprefix(b"\xef\xbb\xbf").decode())
    except UnicodeDecodeError as error:
        raise not_readable("", f"a byte at {error.start} that is not UTF-8", "JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        raise not_readable("", f"at line {error.lineno} column {error.colno}: {error.msg}", "JSON") from None
    except RecursionError:
        raise not_readable("", "deeper nesting", f"at most {NESTING} levels") from None
    except ValueError as error:  # a whole number of more than 4,300 digits
        raise not_readable("", shortened(str(error)), "JSON with numbers of a reasonable length") from None
    return Document(value, flawed or suspect)


def members(value: list[Any], where: str = "") -> list[Any]:
    """`value` when it has 1 to 500 members. Raises NotReadable otherwise."""
    if not 1 <= len(value) <= MEMBERS:
        raise not_readable(where, f"a list of {len(value)}", f"a list of 1 to {MEMBERS}")
    return value


def _is_suspect(body: bytes) -> bool:
    """Whether parts must be looked through before they are used. Raises NotReadable when that would take too long."""
    openings = body.count(b"{") + body.count(b"[")
    if openings > OPENINGS:
        raise not_readable("", f"{openings} objects and lists", f"at most {OPENINGS}")
    return openings > NESTING or (b"\\u" in body and bool(_ODD_ESCAPE.search(body)))


def _quick(body: bytes) -> dict[str, Any] | None:
    """The compiled decoder's reading of a plain object; None when it takes the strict one to be sure.

    Every field's name ends in `":`. When these are as many as the fields that were read, none stood there twice; a text
    that holds them, or blanks before a colon, only makes the numbers differ or the strict decoder look.
    """
    if _BLANK_BEFORE_COLON.search(body):
        return None
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        return None
    return value if type(value) is dict and _fields(value) == body.count(b'":') else None


def _fields(value: Any) -> float:
    """How many fields there are in all objects of `value`; no number when it holds an infinite one (1e999)."""
    is_object = type(value) is dict
    found: float = len(value) if is_object else 0
    for inner in value.values() if is_object else value:
        if type(inner) is dict or type(inner) is list:
            found += _fields(inner)
        elif type(inner) is float and inner - inner != 0:
            return math.nan
    return found


def _decode(text: str) -> tuple[Any, bool]:
    try:
        return _STRICT.decode(text), False
    except _Flawed:
        return _MARKING.decode(text), True


def _all_sound(values: Iterable[Any], depth: int) -> bool:
    """Numbers are not asked one by one: a large body would take beyond its time."""
    return all(_is_sound(value, depth) for value in values if type(value) not in _HARMLESS)


def _is_sound(value: Any, depth: int) -> bool:
    """False exactly when `_flaws` would yield something; without building paths, for large bodies."""
    if isinstance(value, dict):
        names = not any(map(_UNSTORABLE.search, value))
        return depth < NESTING and names and _all_sound(value.values(), depth + 1)
    if isinstance(value, list):
        return depth < NESTING and _all_sound(value, depth + 1)
    return not (isinstance(value, Flaw) or (isinstance(value, str) and _UNSTORABLE.search(value)))


def _flaws(value: Any, where: str, depth: int) -> Iterator[Problem]:
    match value:
        case Flaw():
            yield Problem(field=where, found=value.found, expected=value.expected)
        case dict() | list() if depth >= NESTING:
            yield Problem(field=where, found="deeper nesting", expected=f"at most {NESTING} levels")
        case dict():
            for name, inner in value.items():
                yield from _unstorable(name, where)
                yield from _flaws(inner, path(where, [name]), depth + 1)
        case list():
            for index, inner in enumerate(value):
                yield from _flaws(inner, path(where, [index]), depth + 1)
        case str():
            yield from _unstorable(value, where)


def _unstorable(text: str, where: str) -> Iterator[Problem]:
    if _UNSTORABLE.search(text):
        yield Problem(field=where, found=shown(text), expected="characters other than NUL and lone surrogates")


def _object(on_flaw: Callable[[Flaw], Any]) -> Callable[[list[tuple[str, Any]]], Any]:
    def build(pairs: list[tuple[str, Any]]) -> Any:
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        # In one go: a body may have a hundred thousand fields.
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        return on_flaw(Flaw(f"{shown(twice)} more than once", "each field once"))

    return build


def _number(on_flaw: Callable[[Flaw], Any]) -> Callable[[str], Any]:
    def build(text: str) -> Any:
        value = float(text)  # also NaN, Infinity and -Infinity, which Python's decoder knows; 1e999 is infinite too
        return value if value - value == 0 else on_flaw(Flaw(shortened(text), "a finite number"))

    return build


def _raise(flaw: Flaw) -> Any:
    raise _Flawed(flaw)


def _decoder(on_flaw: Callable[[Flaw], Any]) -> json.JSONDecoder:
    number = _number(on_flaw)
    return json.JSONDecoder(object_pairs_hook=_object(on_flaw), parse_float=number, parse_constant=number)


_STRICT = _decoder(_raise)
_MARKING = _decoder(lambda flaw: flaw)
