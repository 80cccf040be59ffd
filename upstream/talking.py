"""The loop that talks back to sources: asks for what we missed, and tells what became of their events."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta

import structlog

from model.clock import Clock
from model.errors import QueueFull, Unavailable, Unreached
from model.ids import Ids
from model.ports import Intake
from model.roster import Roster, Source
from model.upstream import CallState, History, OutcomeCall
from store import outcome_calls
from store.database import Connection, Database
from upstream import history, outcomes
from upstream.web import Web

log = structlog.get_logger(__name__)

LOOKS_EVERY = timedelta(seconds=1)
RESTS = timedelta(seconds=10)  # while no source is to be talked to
AT_ONCE = 20
OK = 200


class Talking:
    """`held`: this process is the one that talks. `silent`: the sources that are not heard now.

    `back_at`: when somebody listened again after the last time in which nobody did.
    `counts`: (source, what, outcome) of all that was tried, for the metrics.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        roster: Callable[[], Roster],
        web: Web,
        secrets: Mapping[str, str],
        intake: Intake,
        held: Callable[[], Awaitable[bool]],
        silent: Callable[[], Collection[str]],
        back_at: Callable[[], datetime | None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._web = web
        self._secrets = secrets
        self._intake = intake
        self._held = held
        self._silent = silent
        self._back_at = back_at
        self._was_back_at = back_at()
        self._were_silent: set[str] = set()
        self._asks_at: dict[str, datetime] = {}
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.turned_at = clock.now()

    async def run(self) -> None:
        while True:
            self.turned_at = self._clock.now()
            await self._clock.sleep_until(self.turned_at + (LOOKS_EVERY if await self.turn() else RESTS))

    async def turn(self) -> bool:
        """Do what is due. False: there is nobody to talk to."""
        sources = self._roster().sources.values()
        if not any(source.history or source.callback for source in sources):
            return False
        try:
            if await self._held():
                if self._back_at() not in (None, self._was_back_at):
                    self._asks_at.clear()  # what was sent meanwhile came to nobody, at whichever source
                self._was_back_at = self._back_at()
                await self._tell()
                self.turned_at = self._clock.now()
                for source in sources:
                    if source.history and self._is_due(source):
                        await self._ask(source, source.history)
        except (Unavailable, QueueFull) as away:
            log.warning("sources cannot be talked to now", error=str(away))
        return True

    async def close(self) -> None:
        await self._web.close()

    # --- asking -----------------------------------------------------------------------------------------------------

    def _is_due(self, source: Source) -> bool:
        """By its schedule, and as soon as it is heard after a silence."""
        silent, was = source.id in self._silent(), source.id in self._were_silent
        (self._were_silent.add if silent else self._were_silent.discard)(source.id)
        return self._asks_at.get(source.id, self._clock.now()) <= self._clock.now() or (was and not silent)

    async def _ask(self, source: Source, kept: History) -> None:
        """What comes of it is taken as if it had been posted. What was asked for is remembered once all of it is in."""
        now = self._clock.now()
        self._asks_at[source.id] = now + timedelta(seconds=kept.every_seconds)
        until = await self._database.read(lambda conn: outcome_calls.asked_until(conn, source.id))
        try:
            found = await self._found(kept, history.since(until, now), now)
        except Unreached as why:
            self.counts[source.id, "history", "failed"] += 1
            log.warning("history cannot be asked", source=source.id, error=str(why))
            return
        for body in found:
            self.turned_at = self._clock.now()  # a queue that confirms slowly is no loop that stands still
            await self._intake(source.id, body)
        self.counts[source.id, "history", "asked"] += 1
        await self._database.transact(lambda conn: outcome_calls.asked(conn, source.id, now))
        log.info("history asked", source=source.id, notifications=len(found))

    async def _found(self, kept: History, begin: datetime, now: datetime) -> list[bytes]:
        bodies: list[bytes] = []
        for first in history.questions(kept, begin, now):
            question: history.Question | None = first
            while question is not None:
                headers = {"Accept": "application/json", "x-acting-participant": kept.participant}
                answer = await self._web.get(question.path, {**question.query, "page": str(question.page)}, headers)
                self.turned_at = self._clock.now()
                if answer.status != OK:
                    raise Unreached(f"the history is answered {answer.status}")
                page, rows = history.posted(answer.body)
                bodies += page
                question = history.following(question, rows)
        return bodies

    # --- telling ----------------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        now = self._clock.now()
        due = await self._database.read(lambda conn: outcome_calls.due(conn, now, AT_ONCE))
        await asyncio.gather(*(self._call(call) for call in due))

    async def _call(self, call: OutcomeCall) -> None:
        after = await self._tried(call)
        outcome = "failed" if after.state is CallState.WAITING else str(after.state)
        self.counts[call.source, "outcome", outcome] += 1
        if outcome != CallState.DELIVERED:
            log.warning(
                "outcome could not be told", source=call.source, call=call.id, tries=after.tries, why=after.error
            )
        await self._database.transact(lambda conn: self._keep(conn, after))

    def _keep(self, conn: Connection, after: OutcomeCall) -> None:
        outcome_calls.tried(conn, self._ids, after, self._clock.now())

    async def _tried(self, call: OutcomeCall) -> OutcomeCall:
        source = self._roster().sources.get(call.source)
        now = self._clock.now()
        if source is None or source.callback is None:
            return outcomes.answered(call, outcomes.GONE, now)
        secret = self._secrets.get(source.callback.secret)
        if secret is None:
            return outcomes.failed(call, f"secret {source.callback.secret} is not in GRIDCALL_SOURCE_SECRETS", now)
        try:
            signed = outcomes.headers(call, secret, now)
            answer = await self._web.post(source.callback.url, outcomes.body(call), signed)
        except (Unreached, ValueError) as why:
            return outcomes.failed(call, str(why), self._clock.now())
        return outcomes.answered(call, answer.status, self._clock.now())
