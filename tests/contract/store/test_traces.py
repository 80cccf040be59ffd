"""From a row on its way to a vendor, or an attempt, one finds the trace of the message it is about."""

from model.attempt import Attempt, Words
from model.event import Action, Instruction, MessageType
from model.ids import SystemIds
from routing import reviser
from routing.accept import Member, decide
from store import attempts, plans, traces
from tests.contract.store.statements import posted, statement
from tests.unit.routing.house import NOW, ROSTER

IDS = SystemIds()
FIRST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECOND = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MORE = Instruction(action=Action.REDUCE_LOAD, target_mw=40.0)


def said(conn, number, trace, **changes):
    """A message with that trace, decided about."""
    member = Member(posted(trace=trace), 0)
    return decide(conn, member, statement(number=number, **changes), ROSTER, IDS, NOW).event_pk


def claimed(row):
    return Attempt.of(row, IDS.new(), Words(text="cut 12.5 MW", template="t"), NOW)


async def test_each_row_leads_to_the_message_it_is_about(database):
    def work(conn):
        pk = said(conn, 1, FIRST)
        said(conn, 2, SECOND, message_type=MessageType.UPDATE, instruction=MORE)
        reviser.take(conn, pk, plans.due_agenda(conn, NOW), ROSTER, IDS, NOW)
        rows = plans.of_event(conn, pk)
        tries = [claimed(row) for row in rows]
        attempts.add(conn, tries)
        found = traces.of_notifications(conn, [row.id for row in rows])
        assert found == {a.notification_id: traces.of_attempt(conn, a.id) for a in tries}
        return {(row.revision, found[row.id]) for row in rows}

    assert await database.transact(work) == {(1, FIRST), (2, SECOND)}


async def test_what_nobody_traces_has_none(database):
    def work(conn):
        rows = plans.of_event(conn, said(conn, 1, ""))
        attempt = claimed(rows[0])
        attempts.add(conn, [attempt])
        assert traces.of_notifications(conn, [row.id for row in rows]) == {}
        assert (traces.of_attempt(conn, attempt.id), traces.of_attempt(conn, "unheard-of")) == ("", "")

    await database.transact(work)
