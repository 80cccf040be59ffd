"""Where in a text a problem lies, so that a person sees it: line and column. Pure."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model.reading import Problem

DEEPEST = 64
_SAID = re.compile(r"\bline (\d{1,9})(,?) column (\d{1,9})\b")
_STEP = re.compile(r'\.?("(?:[^"\\]|\\.)*"|[^.\["…]+)|\[(\d{1,9})\]')
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(strict=False)


class Place(NamedTuple):
    """Both counted from 1."""

    line: int
    column: int


def place_of(text: str, problem: Problem) -> Place | None:
    """By the place that the problem names, else that of its field in JSON; None where it has none."""
    if not problem.field:
        said = _SAID.search(problem.found)
        # XML's parser counts columns from 0, and sets a comma.
        return Place(int(said[1]), int(said[3]) + bool(said[2])) if said else None
    try:
        at = _offset(text, list(_steps(problem.field)))
    except (ValueError, IndexError, RecursionError):
        return None  # no JSON, or no such path in it
    return Place(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _steps(field: str) -> Iterator[str | int]:
    """`data.zones[0].code` as its parts. Raises ValueError for what is no path, as one that was shortened."""
    at = 0
    while at < len(field):
        step = _STEP.match(field, at)
        if step is None:
            raise ValueError(field)
        at = step.end()
        name, number = step.groups()
        yield int(number) if name is None else json.loads(name) if name.startswith('"') else name


def _offset(text: str, steps: Sequence[str | int]) -> int:
    """Where the value begins; for one that is not there, the object in which it is missed."""
    at = _blank(text, 0)
    for n, step in enumerate(steps[:DEEPEST]):
        found = _in_list(text, at, step) if isinstance(step, int) else _in_object(text, at, step)
        if found is None:
            if n + 1 < len(steps) or isinstance(step, int):
                raise ValueError(step)
            return at
        at = found
    return at


def _in_object(text: str, at: int, name: str) -> int | None:
    if text[at] != "{":
        raise ValueError(name)
    at = _blank(text, at + 1)
    while text[at] != "}":
        said, at = _DECODER.raw_decode(text, at)
        at = _blank(text, _blank(text, at) + 1)  # behind the colon
        if said == name:
            return at
        at = _next(text, at)
    return None


def _in_list(text: str, at: int, number: int) -> int | None:
    if text[at] != "[":
        raise ValueError(number)
    at = _blank(text, at + 1)
    for _ in range(number):
        if text[at] == "]":
            return None
        at = _next(text, at)
    return None if text[at] == "]" else at


def _next(text: str, at: int) -> int:
    """Behind the value there, and its comma."""
    at = _blank(text, _DECODER.raw_decode(text, at)[1])
    return _blank(text, at + 1) if text[at] == "," else at


def _blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    assert blank is not None  # it fits nothing too
    return blank.end()
