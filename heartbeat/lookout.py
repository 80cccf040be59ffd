"""At which sources to look now: those whose instant has come, not at every one each second.

When a source is late next is written beside it, as of the last look, and found by an index. A word of it moves that
instant away, and nobody writes that down: whoever comes too early looks, and writes the next one. All sources are
looked at when something has changed that concerns all of them.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from heartbeat.folding import QUIET, Stands
from heartbeat.hearing import Hearing, Look, watched
from model.clock import Clock
from model.monitor import Maintenance, Monitor, MonitorStatus
from model.roster import OWN_SOURCE, Roster
from store import monitors
from store.database import Database
from store.monitors import NextLook

BACKSTOP = timedelta(minutes=10)  # all are looked at so often, whatever is written down
AT_ONCE = 500  # rows written in one transaction: those who note words wait no longer


class Lookout:
    """As of the last look at each: `heard` were all ever heard and minded, `quiet` the late and silent among them."""

    def __init__(self, database: Database, clock: Clock, roster: Callable[[], Roster], hearing: Hearing) -> None:
        self._database = database
        self._clock = clock
        self._roster = roster
        self._hearing = hearing
        self.heard: set[str] = set()
        self.quiet: dict[str, Stands] = {}
        self.everybody = True
        self._looks: list[Look] = []
        self._not_minded: list[str] = []
        self._changed: Collection[str] = ()
        self._all_at: datetime | None = None
        self._last_at: datetime | None = None
        self._as_of_roster: Roster | None = None
        self._as_of_listened: object = None
        self._windows: Collection[Maintenance] = ()

    async def look(self) -> list[Look]:
        """One look at each source that needs one."""
        due = await self._hearing.listen_for_due()
        now = self._clock.now()
        # While nothing can be said of anybody, no next look is written down either.
        roster, listened = self._roster(), (self._hearing.stretches(), self._hearing.known_until() is not None)
        same = roster is self._as_of_roster and listened == self._as_of_listened
        if same and self._all_at and self._last_at and self._last_at <= now < self._all_at + BACKSTOP:
            return await self._some(due)
        self._as_of_roster, self._as_of_listened = roster, listened
        return await self.look_at_all()

    def forget(self) -> None:
        """The next look is at all of them."""
        self._all_at = None

    async def look_at_all(self) -> list[Look]:
        """What concerns every source has changed: the roster, for which time we know them, an alarm about all."""
        self.everybody = True
        self.forget()  # until it is done
        await self._hearing.load()
        self.heard, self.quiet = set(), {}
        return self._look({source.id for source, _ in watched(self._roster())} | self._hearing.monitors.keys())

    async def _some(self, due: Collection[str]) -> list[Look]:
        self.everybody = False
        also = {*self._changed, *self._maintained(), *self._heard_just_now()}.difference(due)
        if also:
            await self._hearing.load_of(also)
        return self._look(also.union(due))

    def _look(self, sources: Collection[str]) -> list[Look]:
        self._looks, self._not_minded = [], []
        for id_ in sorted(sources):
            source = self._roster().sources.get(id_)
            if source is None or source.heartbeat is None:
                self._not_minded.append(id_)
            else:
                self._looks.append(self._hearing.look(source, source.heartbeat))
        for look in self._looks:
            self._stand(look)
        return self._looks

    def _stand(self, look: Look) -> None:
        id_ = look.source.id
        self.quiet.pop(id_, None)
        if look.seen_at is None or look.status is MonitorStatus.PAUSED:
            self.heard.discard(id_)
            return
        self.heard.add(id_)
        if look.status in QUIET:
            self.quiet[id_] = Stands(look.status, look.seen_at)

    async def done(self, changed: Collection[str]) -> None:
        """All is said. Who `changed` is looked at again, of the others the next look is written down."""
        at = self._clock.now()
        following = [self._hearing.next_look(look) for look in self._looks if look.source.id not in changed]
        following += [_none(self._hearing.monitor(source)) for source in self._not_minded]
        looks = [look for look in following if look and self._is_new(look)]
        for n in range(0, len(looks), AT_ONCE):
            await self._write(looks[n : n + AT_ONCE])
        self._changed, self._windows, self._last_at = changed, self._hearing.windows, at
        if self.everybody:
            self._all_at = at

    async def _write(self, looks: Sequence[NextLook]) -> None:
        await self._database.transact(lambda conn: monitors.look_next(conn, looks))

    def _is_new(self, look: NextLook) -> bool:
        known = self._hearing.monitor(look.source)
        return (look.at, look.quiet) != (known.due_at, known.quiet)

    def _maintained(self) -> set[str]:
        """Who is in maintenance, or was since the last look, or of whom somebody said something new."""
        windows, before = set(self._hearing.windows), set(self._windows)
        lately = {window for window in windows if self._last_at is None or window.until > self._last_at}
        return {window.source for window in lately | (windows ^ before)}

    def _heard_just_now(self) -> set[str]:
        """Who was quiet and has been heard by this process, which may not have written it down yet."""
        noted = self._hearing.noted()
        return {s for s, stands in self.quiet.items() if (at := noted.get(s)) is not None and at > stands.seen_at}


def _none(known: Monitor) -> NextLook | None:
    """Nobody minds it: it is not due again."""
    if known.last_seen_at is None or known.source == OWN_SOURCE:
        return None
    return NextLook(known.source, known.last_seen_at, None, quiet=False)
