"""Silences and what they hold, over each database."""

from datetime import timedelta

from model.event import Mode, Severity
from model.silence import Noise, Silence
from routing.accept import Member, decide
from store import events, silences
from store.database import Connection, Database
from store.silences import Held
from tests.unit.routing.house import NOW, ROSTER, CountingIds
from tests.unit.routing.test_poison_is_kept import message, reading

HOUR = timedelta(hours=1)
NOISE = Noise(sources=("miso",), severities=(Severity.NOTICE, Severity.WARNING), modes=(Mode.DRILL,))
SILENCE = Silence(id="s" * 36, noise=NOISE, since=NOW, until=NOW + HOUR, reason="new feed", author="key ana")


async def test_it_is_kept_as_it_was_said_and_ends_once(database: Database) -> None:
    def work(conn: Connection) -> None:
        silences.begin(conn, SILENCE)
        assert silences.active(conn, NOW) == [SILENCE]
        assert silences.active(conn, NOW + HOUR) == []
        assert silences.active(conn, NOW - HOUR) == []
        ended = silences.end(conn, SILENCE.id, NOW + HOUR / 2)
        assert ended is not None
        assert ended.until == NOW + HOUR / 2
        assert silences.end(conn, SILENCE.id, NOW + HOUR / 2) is None
        assert silences.ended_since(conn, NOW, NOW + HOUR) == [ended]

    await database.transact(work)


async def test_what_it_holds_is_counted_once_and_let_go_in_time(database: Database) -> None:
    ids = CountingIds()

    def work(conn: Connection) -> None:
        silences.begin(conn, SILENCE)
        for name in ("E-1", "E-2"):
            decide(conn, Member(message(f"m-{name}"), 0), reading(name), ROSTER, ids, NOW)
            found = events.find(conn, "miso", name)
            assert found is not None
            for _ in range(2):
                silences.hold(conn, SILENCE.id, found.pk, 1, NOW)
            silences.hold(conn, SILENCE.id, found.pk, 2, NOW)
        held = silences.held(conn, [SILENCE.id, "t" * 36])
        assert held == {SILENCE.id: Held(2, ("miso/E-1", "miso/E-2")), "t" * 36: Held(0, ())}
        assert len(silences.still_open(conn, SILENCE.id, NOW)) == 2
        assert silences.still_open(conn, SILENCE.id, NOW + timedelta(days=1)) == []

    await database.transact(work)
