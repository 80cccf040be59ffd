"""Whether two statements say the same."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from pydantic_core import to_json

from model.event import Content

# Of the delivery, or derived: the same statement may come again with another value here.
NOT_SAID = frozenset({"schema_version", "received_at", "lead_time_s"})

_AS_IT_IS = frozenset({str, int, bool, type(None)})  # asked before a call is spent: large messages hold many
_NAMES = tuple(sorted(f.name for f in fields(Content)))
_values = attrgetter(*_NAMES)


def digest_of(content: Content, whole: Mapping[str, str] | None = None) -> str:
    """SHA-256, as hex, over canonical JSON (sorted, compact) of what is said. `whole`: texts before they were cut.

    Fields that say nothing are left out, so that a field added to Content later changes no old digest.
    """
    said = {name: value for name, value in zip(_NAMES, _values(content), strict=True) if value or value == 0}
    if whole:
        said.update(whole)
    if content.extra:
        said["extra"] = _plain({name: value for name, value in content.extra.items() if name not in NOT_SAID})
    return hashlib.sha256(to_json(said)).hexdigest()


def sha256(said: Any) -> str:
    """SHA-256, as hex, over canonical JSON of `said`."""
    return hashlib.sha256(to_json(_plain(said))).hexdigest()


def _plain(value: Any) -> Any:
    """Sorted, and 1.0 as 1: who writes the JSON again may write either."""
    if isinstance(value, dict):
        names = sorted(value) if len(value) > 1 else value
        return {n: inner if type(inner := value[n]) in _AS_IT_IS else _plain(inner) for n in names}
    if isinstance(value, list | tuple):
        return [inner if type(inner) in _AS_IT_IS else _plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
