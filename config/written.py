"""How the writers of the roster file leave out what says nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

Data = dict[str, Any]


def given(data: Mapping[str, Any]) -> Data:
    """Without what says nothing."""
    return {name: value for name, value in data.items() if value not in (None, "", [], {})}


def unless(value: Any, default: Any) -> Any:
    """None for the default. Words of the model become plain text."""
    return None if value == default else str(value) if isinstance(value, str) else value


def texts(words: Iterable[str]) -> list[str]:
    return [str(word) for word in words]
