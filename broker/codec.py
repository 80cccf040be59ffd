"""A message as bytes: its head as JSON, its body as it came."""

from dataclasses import fields, replace
from typing import NamedTuple

from pydantic import TypeAdapter
from pydantic_core import to_json

from broker.base import Message

_HEAD = TypeAdapter(Message)
_FIELDS = tuple(f.name for f in fields(Message) if f.name != "body")


class Encoded(NamedTuple):
    head: bytes
    body: bytes


def encode(message: Message) -> Encoded:
    return Encoded(to_json({name: getattr(message, name) for name in _FIELDS}), message.body)


def decode(encoded: Encoded) -> Message:
    """Raises ValueError when the head is not one of ours."""
    return replace(_HEAD.validate_json(b'{"body":"",' + encoded.head[1:]), body=encoded.body)
