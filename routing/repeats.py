"""Whether a message came before, by the key its sender gave it. Binding: asked in the transaction of placing.

A repeat that says the same is done with. One that says something else is nobody's repeat: it is kept whole beside
those that cannot be read, people are told, and a person can replay it.
"""

from typing import NamedTuple

from broker.base import Message
from model.idempotency import key_of
from model.reading import Problem, Unreadable
from store import deliveries, repeats
from store.database import Connection
from store.deliveries import Delivery, DeliveryState


class Repeat(NamedTuple):
    """`first`: what became of that member of the message that had the key first; None while it is not decided.

    `contradiction`: what to tell people when it said something else.
    """

    first: Delivery | None
    detail: str
    contradiction: Unreadable | None


def repeat_of(conn: Connection, message: Message, index: int) -> Repeat | None:
    """None: it comes for the first time, or says nothing of that. A replay by a person is no repeat."""
    key = None if message.replay_of else key_of(message.headers)
    if key is None:
        return None
    bound = repeats.bind(conn, message, key)
    if bound.body_id == message.id:
        return None
    first = deliveries.member(conn, bound.body_id, index)
    if first is not None and first.state is DeliveryState.UNREADABLE:
        return None  # nobody acted on it: perhaps it can be read now
    at = f"{bound.received_at:%H:%M:%S}"
    if bound.same(message):
        return Repeat(first, f"already accepted at {at}, nobody is called again", None)
    found = f"{key!r}, the key of another body of {at}"
    wrong = Unreadable(problems=(Problem(field="idempotency-key", found=found, expected="one of its own"),))
    return Repeat(first, f"its key is that of another body, accepted at {at}; both are kept", wrong)
