"""An event of 10,000 people has more rows than a statement can name. On every database."""

from types import SimpleNamespace

from sqlalchemy import Connection, insert, select, update

from model.attempt import AttemptState
from model.ids import SystemIds
from model.plan import AgendaState, ChannelName, State
from routing import planner
from store import attempts, compared, deliveries, events, plans
from store.codec import canonical
from store.database import Database
from store.portable import NAMED_AT_ONCE, portions
from store.tables import attempts as attempts_table
from store.tables import bodies, notifications, receipts
from tests.contract.store.statements import accept, statement
from tests.unit.routing.house import NOW, case, event, revision

IDS = SystemIds()
MANY = 33_000  # both databases take some 32,767 parameters
OTHERS = [f"00000000-0000-7000-8000-{n:012x}" for n in range(MANY)]


async def planned(database: Database) -> list[str]:
    """The ids of an event's rows."""

    def work(conn: Connection) -> list[str]:
        events.save(conn, event())
        events.add_revision(conn, "event-1", revision(), {})
        plan = planner.plan(case())
        plans.add_notifications(conn, plan.notifications)
        plans.add_agenda(conn, plan.agenda)
        return [row.id for row in plans.of_event(conn, "event-1")]

    return await database.transact(work)


def test_each_is_named_once() -> None:
    assert [len(some) for some in portions(OTHERS)] == [NAMED_AT_ONCE] * 3 + [MANY - 3 * NAMED_AT_ONCE]
    assert [id_ for some in portions(OTHERS) for id_ in some] == OTHERS
    assert list(portions([])) == []


async def test_a_whole_timetable_is_dropped(database: Database) -> None:
    first, *ids = await planned(database)

    def states(conn: Connection) -> dict[str, set[State]]:
        conn.execute(update(notifications).where(notifications.c.id == first).values(state=State.SENT))
        plans.supersede(conn, [*OTHERS, *ids], "over")
        plans.request_cut(conn, [*OTHERS, first], "over", NOW)
        rows = {row.id: row for row in plans.of_event(conn, "event-1")}
        assert rows.pop(first).cut_requested_at == NOW
        return {row.state for row in rows.values()}

    assert await database.transact(states) == {State.SUPERSEDED}


async def test_a_whole_agenda_is_dropped(database: Database) -> None:
    await planned(database)

    def work(conn: Connection) -> tuple[int, int]:
        there = [row.id for row in plans.agenda_of_event(conn, "event-1")]
        return len(there), plans.finish_agenda(conn, [*there, *OTHERS], AgendaState.SUPERSEDED, NOW)

    there, finished = await database.transact(work)
    assert there == finished > 0


async def test_what_vendors_said_of_all_comes_in_its_order(database: Database) -> None:
    first, second, *_ = await planned(database)

    def work(conn: Connection) -> list[str]:
        for n, (attempt, row) in enumerate((("b", first), ("a", second))):
            common = {"id": attempt, "notification_id": row, "event_pk": "event-1", "channel": ChannelName.SMS}
            words = {"address": "+13125550101", "words": "", "template": "t", "payload": "{}", "error": ""}
            state = {"part": 1, "parts": 1, "started_at": NOW, "state": AttemptState.ACCEPTED, "bundle": False}
            conn.execute(insert(attempts_table).values(common | words | state))
            conn.execute(insert(receipts).values(attempt_id=attempt, kind="sent", sequence=n, received_at=NOW))
        return [row.attempt_id for row in attempts.receipts_of(conn, ["a", *OTHERS, "b"])]

    assert await database.transact(work) == ["b", "a"]


async def test_the_words_of_all_are_checked(database: Database) -> None:
    def rows() -> list[SimpleNamespace]:
        bodies = ({"attempt": id_, "told_with_others": id_ != OTHERS[-1]} for id_ in OTHERS)
        started = {"seal_no": 1, "at": NOW, "kind": "attempt_started"}
        return [SimpleNamespace(**started, body=canonical(body)) for body in bodies]

    found = await database.read(lambda conn: list(compared.differences(conn, "event-1", rows())))
    assert [broken.why for broken in found] == [f"the words of attempt {OTHERS[-1]} were changed"]


async def test_an_event_of_many_messages_is_shown(database: Database) -> None:
    """An alert that is sent again every minute for a month."""
    await accept(database, statement())

    def shown(conn: Connection) -> bool:
        [body] = conn.scalars(select(bodies.c.id))
        return list(deliveries.evidence(conn, [*OTHERS, body])) == [body]

    assert await database.read(shown)
