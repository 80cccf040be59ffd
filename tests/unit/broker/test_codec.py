"""What a version before or after this one put into the queue can be read."""

import json
from datetime import UTC, datetime

from broker.base import Message, MessageKind
from broker.codec import Encoded, decode, encode, pack, unpack

MESSAGE = Message(
    id="m",
    kind=MessageKind.EVENT,
    source="miso",
    format="canonical",
    lane=0,
    body=b'{"event_id": "\xff"}',
    received_at=datetime(2026, 7, 14, 18, 0, tzinfo=UTC),
    deliveries=("m-1",),
    trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


def test_a_message_comes_back_as_it_was() -> None:
    assert unpack(pack(MESSAGE)) == MESSAGE


def test_a_message_without_a_trace_can_be_read() -> None:
    """It was published by a version that traced nothing, or spooled before an upgrade."""
    head = json.loads(encode(MESSAGE).head)
    del head["trace"]
    assert decode(Encoded(json.dumps(head).encode(), MESSAGE.body)).trace == ""


def test_what_a_later_version_says_besides_is_left_aside() -> None:
    """While processes are upgraded one by one, an old router takes what a new door published."""
    head = json.loads(encode(MESSAGE).head) | {"unheard_of": 1}
    assert decode(Encoded(json.dumps(head).encode(), MESSAGE.body)) == MESSAGE
