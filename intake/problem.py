"""What is wrong with a message, in words its sender understands."""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from model.reading import Problem

FOUND_CHARS = 80
PATH_CHARS = 200
PROBLEMS = 20  # told per event; whoever has more mends these first

M = TypeVar("M", bound=BaseModel)

# pydantic's error type -> what was expected. Those not listed here say it in their own message.
_EXPECTED = {
    "missing": "a value, it is required",
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
    "list_type": "a list",
    "finite_number": "a finite number",
    "greater_than_equal": "a number not below {ge}",
    "less_than_equal": "a number not above {le}",
    "string_too_short": "at least {min_length} character(s)",
    "string_too_long": "at most {max_length} characters",
    "too_long": "at most {max_length} members",
    "literal_error": "one of {expected}",
}


class NotReadable(Exception):
    """This message, or this member of it, cannot be read. Never leaves `read()`, which makes it an Unreadable."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def not_readable(field: str, found: str, expected: str) -> NotReadable:
    return NotReadable(Problem(field=field, found=found, expected=expected))


def shown(value: Any) -> str:
    """`value` as JSON in at most 80 characters; objects and lists by their size."""
    if isinstance(value, dict):
        return f"an object with {len(value)} field(s)"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        value = value[:FOUND_CHARS]  # so that a megabyte is not escaped for eighty characters
    return shortened(json.dumps(value, ensure_ascii=not str(value).isprintable(), default=repr))


def shortened(words: str, chars: int = FOUND_CHARS) -> str:
    return words if len(words) <= chars else words[: chars - 1] + "…"


def path(prefix: str, parts: Iterable[int | str]) -> str:
    """`data` and ("zones", 0, "code") -> `data.zones[0].code`."""
    where = prefix
    for part in parts:
        where += f"[{part}]" if isinstance(part, int) else f".{_name(part)}" if where else _name(part)
    return shortened(where, PATH_CHARS)


def _name(part: str) -> str:
    return shortened(part if part.isprintable() else json.dumps(part[:FOUND_CHARS]))


def validated(model: type[M], value: Any, where: str) -> M:
    """`value` as `model`. Raises NotReadable naming each wrong field below `where`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)[:PROBLEMS]
        raise NotReadable(*(_problem(detail, where) for detail in details)) from None


def _problem(detail: ErrorDetails, where: str) -> Problem:
    words = _EXPECTED.get(detail["type"])
    found = "nothing" if detail["type"] == "missing" else shown(detail["input"])
    expected = words.format_map(detail.get("ctx", {})) if words else detail["msg"]
    return Problem(field=path(where, detail["loc"]), found=found, expected=expected)
