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


def pack(message: Message) -> bytes:
    """Head and body in one piece, for queues that have only one place."""
    head, body = encode(message)
    return len(head).to_bytes(4) + head + body


def unpack(packed: bytes) -> Message:
    """Raises ValueError when it is not one of ours."""
    end = 4 + int.from_bytes(packed[:4])
    return decode(Encoded(packed[4:end], packed[end:]))


def decode(encoded: Encoded) -> Message:
    """Raises ValueError when the head is not one of ours."""
    return replace(_HEAD.validate_json(b'{"body":"",' + encoded.head[1:]), body=encoded.body)
