"""Whether two statements say the same."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from model.event import Content, Instruction, ResourceRef, Zone

# Of the delivery, or derived: the same statement may come again with another value here.
NOT_SAID = frozenset({"schema_version", "received_at", "lead_time_s"})

_NAMES = tuple(f.name for f in fields(Content))
_values = attrgetter(*_NAMES)


def digest_of(content: Content, whole: Mapping[str, str] | None = None) -> str:
    """SHA-256, as hex, over canonical JSON (sorted, compact) of what is said. `whole`: texts before they were cut.

    Fields that say nothing are left out, so that a field added to Content later changes no old digest.
    """
    said = {name: value for name, value in zip(_NAMES, _values(content), strict=True) if value or value == 0}
    if whole:
        said.update(whole)
    if content.extra:
        said["extra"] = {name: _plain(value) for name, value in content.extra.items() if name not in NOT_SAID}
    return sha256(said)


def sha256(said: Any) -> str:
    """SHA-256, as hex, over canonical JSON of `said`."""
    return hashlib.sha256(_ENCODER.encode(said).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """1.0 and 1 are one number; who writes the JSON again may write either."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _as_json(value: object) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Instruction():
            return [value.action, value.target_mw, value.target_kind, value.mandatory]
        case Zone():
            return [value.scheme, value.code]
        case ResourceRef():
            return [value.scheme, value.code, value.target_mw]
    raise TypeError(f"{type(value).__name__} has no canonical form")


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_as_json)
