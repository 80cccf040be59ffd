"""People hear that somebody made a silence, and that it is over; what it held and is still open is told then.

Each is an ordinary event of our own, with an id that says which: a crash repeats it, and the repeat is known.
"""

from datetime import datetime
from typing import Any

import structlog

from broker.base import Publisher
from broker.own import OwnVoice
from model.clock import Clock
from model.errors import QueueFull, Unavailable
from model.event import Action, MessageType, Phase, Severity
from model.ids import Ids
from model.silence import OWN_NEWS, Noise, Silence
from store import plans, silences
from store.database import Connection, Database
from store.silences import Held, Told

log = structlog.get_logger(__name__)


class SilenceNews:
    def __init__(self, database: Database, publisher: Publisher, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._voice = OwnVoice(publisher, clock, ids, "silences")
        self._clock = clock
        self._ids = ids

    async def tick(self) -> None:
        """Every few seconds. While database or queue are away the next one does."""
        now = self._clock.now()
        try:
            for told in await self._database.read(lambda conn: silences.to_tell(conn, now)):
                await self._tell(told, now)
        except (Unavailable, QueueFull) as away:
            log.warning("silences cannot be told now", error=str(away))

    async def _tell(self, told: Told, now: datetime) -> None:
        silence = told.silence
        if not told.began:
            await self._voice.say(made(silence))
            await self._database.transact(lambda conn: silences.told(conn, silence.id, over=False))
            log.info("silence made", silence=silence.id, until=silence.until.isoformat())
        if silence.until > now:
            return
        held = await self._database.transact(lambda conn: self._let_go(conn, silence, now))
        await self._voice.say(over(silence, held))
        await self._database.transact(lambda conn: silences.told(conn, silence.id, over=True))
        log.info("silence is over", silence=silence.id, held=held.total)

    def _let_go(self, conn: Connection, silence: Silence, now: datetime) -> Held:
        """What it held is looked at again, as long as there is time."""
        for event_pk in silences.still_open(conn, silence.id, now):
            plans.ask_revise(conn, self._ids, event_pk, 1, "the silence that held it is over", now, urgent=True)
        return silences.held(conn, [silence.id])[silence.id]


def made(silence: Silence) -> dict[str, Any]:
    return _statement(
        silence,
        1,
        MessageType.NEW,
        silence.since,
        headline="Events are silenced, critical ones are not",
        text=f"{silence.author} until {silence.until:%b %d %H:%M} UTC: {silence.reason}. {words(silence.noise)}",
    )


def over(silence: Silence, held: Held) -> dict[str, Any]:
    """The same however often it is said: a silence that is over holds nothing more."""
    count = "no event" if not held.total else "1 event" if held.total == 1 else f"{held.total} events"
    more = f" and {held.total - len(held.named)} more" if held.total > len(held.named) else ""
    named = f": {', '.join(held.named)}{more}" if held.named else ""
    return _statement(
        silence,
        2,
        MessageType.TERMINATE,
        silence.until,
        headline=f"A silence is over, it held {count}",
        text=f"{silence.author}: {silence.reason}. Held{named or ' nothing'}. What is open and in time is told now.",
    )


def words(noise: Noise) -> str:
    """Which events it is about."""
    fields = {
        "of": noise.sources,
        "program": noise.programs,
        "phase": noise.phases,
        "severity": noise.severities,
        "mode": noise.modes,
        "resource": noise.resources,
    }
    return "Events " + "; ".join(f"{name} {', '.join(values)}" for name, values in fields.items() if values)


def _statement(
    silence: Silence, revision: int, message_type: MessageType, at: datetime, *, headline: str, text: str
) -> dict[str, Any]:
    return {
        "event_id": f"{OWN_NEWS}{silence.id}",
        "revision": revision,
        "message_type": message_type,
        "issuer": "Gridcall",
        "program": "GRIDCALL",
        "phase": Phase.TERMINATION if message_type.ends else Phase.ALERT,
        "severity": Severity.NOTICE,
        "issued_at": at.isoformat(),
        "instruction": {"action": Action.INFORMATIONAL},
        "headline": headline,
        "text": text[:1000],
    }
