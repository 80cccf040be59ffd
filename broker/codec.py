"""A message as bytes: its head as JSON, its body as it came."""

from dataclasses import replace
from typing import NamedTuple

from pydantic import TypeAdapter

from broker.base import Message

_HEAD = TypeAdapter(Message)
_BODY = {"body"}


class Encoded(NamedTuple):
    head: bytes
    body: bytes


def encode(message: Message) -> Encoded:
    return Encoded(_HEAD.dump_json(message, exclude=_BODY), message.body)


def decode(encoded: Encoded) -> Message:
    """Raises ValueError when the head is not one of ours."""
    return replace(_HEAD.validate_json(b'{"body":"",' + encoded.head[1:]), body=encoded.body)
