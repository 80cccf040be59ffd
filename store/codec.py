"""Values of the model as the JSON text that tables keep, and canonical JSON for what is hashed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from model.event import Content
from model.roster import Roster

CONTENT = TypeAdapter(Content)
ROSTER = TypeAdapter(Roster)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def canonical(value: Any) -> str:
    """JSON with sorted keys and fixed separators: the form that is hashed and stored."""
    return _CANONICAL.encode(value)


def content_text(content: Content) -> str:
    return CONTENT.dump_json(content).decode()


def mapping(text: str | None) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(text) if text else {}
    return value


def sha256(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that JSON can take, without the empty fields."""
    return {k: v for k, v in values.items() if v is not None and v != ""}
