"""What Gridcall itself says: ordinary events of the source `gridcall`, on the road of every event."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from broker.base import Message, MessageKind, Publisher
from model.clock import Clock
from model.event import MessageType, Severity
from model.ids import Ids
from model.roster import OWN_SOURCE


def own_message(statement: Mapping[str, Any], sender: str, ids: Ids, now: datetime) -> Message:
    """`statement`: a canonical event, `sender`: which part of Gridcall speaks."""
    message_id = ids.new()
    return Message(
        id=message_id,
        kind=MessageKind.EVENT,
        source=OWN_SOURCE,
        format="canonical",
        lane=_lane(statement),
        body=json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(),
        received_at=now,
        deliveries=(message_id,),
        headers={"content-type": "application/json"},
        sender=sender,
        signature="Gridcall's own",
    )


def _lane(statement: Mapping[str, Any]) -> int:
    """Notices have time; an alarm, and the end of anything, has not."""
    first = statement.get("message_type", MessageType.NEW) == MessageType.NEW
    return 2 if first and statement["severity"] in (Severity.NOTICE, Severity.INFO) else 0


class OwnVoice:
    """`sender`: which part of Gridcall speaks."""

    def __init__(self, publisher: Publisher, clock: Clock, ids: Ids, sender: str) -> None:
        self._publisher = publisher
        self._clock = clock
        self._ids = ids
        self._sender = sender

    async def say(self, statement: Mapping[str, Any]) -> None:
        """It does not pass the door, so no source counts as heard by it. The same again is a duplicate to the router.

        Raises Unavailable, QueueFull.
        """
        await self._publisher.publish(own_message(statement, self._sender, self._ids, self._clock.now()))
