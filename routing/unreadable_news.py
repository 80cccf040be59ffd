"""What of a source could not be read after the first: one line for all of it, when its time is over.

An ordinary event of our own, with an id that says which: a crash repeats it, and the repeat is known.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from broker.base import Publisher
from broker.own import OwnVoice
from model.clock import Clock
from model.errors import QueueFull, Unavailable
from model.event import Action, EndKind, MessageType, Phase, Severity
from model.ids import Ids
from model.roster import Roster
from routing.unreadable import TELL_EVERY
from store import unreadables
from store.database import Database
from store.unreadables import UnreadableRow

log = structlog.get_logger(__name__)

SETTLES = timedelta(seconds=15)  # a router whose clock is a little behind counts until then


class UnreadableNews:
    def __init__(
        self, database: Database, publisher: Publisher, clock: Clock, ids: Ids, roster: Callable[[], Roster]
    ) -> None:
        self._database = database
        self._voice = OwnVoice(publisher, clock, ids, "unreadables")
        self._clock = clock
        self._roster = roster

    async def tick(self) -> None:
        """Every few seconds. While database or queue are away the next one does."""
        told_before = self._clock.now() - TELL_EVERY - SETTLES
        try:
            for row in await self._database.read(lambda conn: unreadables.counted(conn, told_before)):
                await self._tell(row)
        except (Unavailable, QueueFull) as away:
            log.warning("how many could not be read cannot be told now", error=str(away))

    async def _tell(self, row: UnreadableRow) -> None:
        known = self._roster().sources.get(row.source)
        await self._voice.say(more(row, known.name if known else row.source))
        await self._database.transact(lambda conn: unreadables.count_told(conn, row.id))
        log.warning("more could not be read", source=row.source, count=row.more)


def more(row: UnreadableRow, name: str) -> dict[str, Any]:
    """It is over when it can be told: it calls nobody, and ends by itself."""
    assert row.told_at is not None
    until = row.told_at + TELL_EVERY
    count = "1 more message" if row.more == 1 else f"{row.more} more messages"
    return {
        "event_id": f"{row.told_as}/more",
        "revision": 1,
        "message_type": MessageType.NEW,
        "issuer": "Gridcall",
        "program": "GRIDCALL",
        "phase": Phase.ALERT,
        "severity": Severity.NOTICE,
        "issued_at": until.isoformat(),
        "end_kind": EndKind.SCHEDULED,
        "ends_at": until.isoformat(),
        "instruction": {"action": Action.INFORMATIONAL},
        "headline": f"{count} from {name} cannot be read"[:100],
        "text": f"They came from {_clock(row.told_at)} to {_clock(until)} UTC, after the first that was told. They are "
        "kept; a person must read them: /v1/unreadable.",
    }


def _clock(at: datetime) -> str:
    return f"{at:%H:%M}"
