"""Old evidence goes whole, old vendor bodies and purged numbers leave a chain that still checks. On every database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.event import listen
from structlog.testing import capture_logs

from app.housekeeping import Housekeeping
from model.attempt import Attempt, Receipt, ReceiptKind, Sent, Words
from model.event import MessageType
from model.ids import SystemIds
from model.issuer import How
from model.plan import ChannelName
from model.reading import Follows, Order, Problem, Reading, Unreadable
from model.upstream import OutcomeCall
from notifiers.receipts import take_receipt
from routing.accept import Member, decide, keep_untold
from routing.telling_issuer import Told, note
from store import attempts as attempts_store
from store import claims, outcome_calls, outcomes, partitions, plans, readdress, retention, seal
from store.claims import Claim
from store.retention import Keep
from store.tables import attempts, bodies, deliveries, metadata, notifications, receipts, timeline
from tests.contract.store.statements import posted, statement
from tests.databases import ENGINES, open_database
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER, content

IDS = SystemIds()
TODAY = datetime.now(UTC)  # ids carry the real time
KEEP = Keep(evidence=timedelta(days=2557), vendor_bodies=timedelta(days=396))
ANA = "+13125550101"


@pytest.fixture(params=ENGINES)
async def database(request, tmp_path):
    database = open_database(request, request.param, tmp_path)
    yield database
    await database.close()


async def told(database, event_id="E-1", source="miso"):
    """An event of which Ana was texted, sealed. Returns its key."""
    member = Member(posted(source=source), 0)

    def work(conn):
        pk = decide(conn, member, statement(event_id), ROSTER, IDS, NOW).event_pk
        row = next(n for n in plans.of_event(conn, pk) if n.channel is ChannelName.SMS and n.address == ANA)
        attempt = Attempt.of(row, IDS.new(), Words(text="cut 12.5 MW", template="t"), NOW)
        assert claims.claim(conn, IDS, [Claim(notification=row, attempts=[attempt])], "o", NOW)
        outcomes.sent(conn, IDS, row, attempt, Sent(vendor_id="SM1", raw={"to": ANA}), NOW)
        receipt = Receipt(kind=ReceiptKind.DELIVERED, vendor_id="SM1", raw={"To": ANA})
        assert take_receipt(conn, IDS, attempt.id, receipt, NOW)
        told_issuer = Told("ana", NOW, How.MCS, "MCS 4711")
        assert note(conn, IDS, source, event_id, told_issuer, by="operator", now=NOW)
        body = {"type": "gridcall.objective.met"}
        call = OutcomeCall(id=IDS.new(), event_pk=pk, source=source, body=body, made_at=NOW, due_at=NOW)
        outcome_calls.add(conn, call)
        while seal.seal(conn):
            pass
        return pk

    return await database.transact(work)


async def tidied(database, now):
    batches = 0
    while await database.transact(lambda conn: retention.delete_batch(conn, now, KEEP)):
        batches += 1
    last = ""
    while last is not None:
        last = await database.transact(
            lambda conn, last=last: retention.blank_vendor_bodies(conn, now, KEEP.vendor_bodies, last)
        )
    return batches


async def counts(database):
    def work(conn):
        return {t.name: conn.scalar(select(func.count()).select_from(t)) for t in metadata.sorted_tables}

    return await database.read(work)


async def holding(database, word):
    """The tables in which it is still to be read."""

    def work(conn):
        return [t.name for t in metadata.sorted_tables if any(word in str(row) for row in conn.execute(select(t)))]

    return await database.read(work)


async def test_what_is_young_stays_as_it_is(database):
    await told(database)
    before = await counts(database)
    assert await tidied(database, TODAY + timedelta(days=390)) == 0
    assert await counts(database) == before


async def test_after_seven_years_nothing_is_left_of_an_event(database):
    for n in range(retention.EVENTS_AT_ONCE + 2):
        await told(database, f"E-{n}")
    assert await tidied(database, TODAY + timedelta(days=2600)) >= 2
    assert {name: count for name, count in (await counts(database)).items() if count} == {}


@pytest.mark.parametrize("going_on", ["to be answered", "changed since"])
async def test_what_goes_on_outlasts_the_day_that_evidence_is_kept(database, going_on):
    """It came two days ago; whoever it calls has still to be told."""
    pk, day = await told(database), timedelta(days=1)
    events, revisions = metadata.tables["events"], metadata.tables["revisions"]
    if going_on == "to be answered":
        later = update(events).where(events.c.pk == pk).values(deadline_at=TODAY + 3 * day)
    else:
        later = update(revisions).where(revisions.c.event_pk == pk).values(received_at=TODAY + 3 * day)
    await database.transact(lambda conn: conn.execute(later))
    keep = Keep(evidence=day, vendor_bodies=day)

    def deleted(after):
        return database.transact(lambda conn: retention.delete_batch(conn, TODAY + after, keep))

    assert await deleted(2 * day) == 0
    assert await deleted(4 * day) == 0
    assert await deleted(4 * day + timedelta(seconds=1)) == 1


async def test_what_came_to_no_event_goes_as_well(database):
    """About an event that nobody knew, and what could be kept but not told."""
    noted = replace(statement("E-9"), note="acknowledged elsewhere")
    wrong = Unreadable(problems=(Problem(field="", found="x", expected="y"),))

    def work(conn):
        assert decide(conn, Member(posted(), 0), noted, ROSTER, IDS, NOW).event_pk is None
        keep_untold(conn, Member(posted(), 0), wrong, NOW)
        conn.execute(delete(metadata.tables["placing_keys"]))

    await database.transact(work)
    house = Housekeeping(database, ManualClock(TODAY + timedelta(days=2550)), KEEP)
    await house.tidy()
    kept = {name: count for name, count in (await counts(database)).items() if count}
    assert kept == {"bodies": 2, "deliveries": 2, "unreadables": 1}
    house = Housekeeping(database, ManualClock(TODAY + timedelta(days=2600)), KEEP)
    await house.tidy()
    assert {name: count for name, count in (await counts(database)).items() if count} == {}


async def test_an_event_goes_of_which_more_messages_came_than_a_statement_names(database):
    pk = await told(database)

    def repeats(conn):
        table = metadata.tables["deliveries"]
        row = dict(conn.execute(select(table).where(table.c.event_pk == pk)).first()._mapping)
        conn.execute(insert(table), [row | {"id": IDS.new()} for _ in range(33_000)])

    await database.transact(repeats)
    assert await tidied(database, TODAY + timedelta(days=2600)) == 1
    assert {name: count for name, count in (await counts(database)).items() if count} == {}


class IdsOf(SystemIds):
    """As they are made at that time."""

    def __init__(self, at):
        self._month = partitions.first_id(at)[:15]

    def new(self):
        return self._month + super().new()[15:]


async def test_what_cannot_be_read_is_told_each_time_also_when_the_first_is_too_old(database):
    """Its count names the event by which people hear of it: begun anew, it would name one that they have heard."""
    keep = Keep(evidence=timedelta(days=30), vendor_bodies=timedelta(days=30))
    wrong = Unreadable(problems=(Problem(field="", found="x", expected="y"),))

    def decided_after(days):
        at = TODAY + timedelta(days=days)
        ids = IdsOf(at)
        name = ids.new()
        member = Member(replace(posted(at=at), id=name, deliveries=(name,)), 0)

        def work(conn):
            while retention.delete_batch(conn, at, keep):
                pass
            delivery = decide(conn, member, wrong, ROSTER, ids, at)
            return delivery.event_id, [n.channel for n in plans.of_event(conn, delivery.event_pk)]

        return database.transact(work)

    told = [await decided_after(days) for days in (0, 29, 31, 32)]
    assert len({event_id for event_id, _ in told}) == len(told)
    assert all(rows for _, rows in told)
    after = TODAY + timedelta(days=64)
    assert await database.transact(lambda conn: retention.delete_batch(conn, after, keep)) == len(told)
    assert {name: count for name, count in (await counts(database)).items() if count} == {}


async def test_what_is_blank_is_not_written_again(database):
    """After each start it begins with the oldest: years of rows, an hour's work."""
    await told(database)
    written = []

    def work(conn):
        listen(
            conn, "after_execute", lambda _conn, clause, *rest: written.append((clause.is_update, rest[-1].rowcount))
        )
        for _ in range(2):
            retention.blank_vendor_bodies(conn, TODAY + timedelta(days=400), KEEP.vendor_bodies)
            written.append((True, 0))

    await database.transact(work)
    assert [count for is_update, count in written if is_update and count] == [1, 1, 2]


async def test_old_vendor_bodies_are_blanked_and_the_chain_checks(database):
    pk = await told(database)
    await tidied(database, TODAY + timedelta(days=400))
    kept = await database.read(
        lambda conn: [
            conn.scalar(select(func.count()).select_from(attempts).where(attempts.c.vendor_body.is_not(None))),
            conn.scalar(select(func.count()).select_from(receipts).where(receipts.c.raw.is_not(None))),
            list(conn.scalars(select(timeline.c.kind).where(timeline.c.private.is_not(None)).order_by(timeline.c.n))),
        ]
    )
    assert kept == [0, 0, ["received", "attempt_started"]]
    assert await database.read(lambda conn: seal.check(conn, pk)) == []
    assert (await database.read(lambda conn: attempts_store.of_event(conn, pk)))[0].words.text == "cut 12.5 MW"


async def test_a_number_is_purged_alone(database):
    pk = await told(database)
    after = NOW + timedelta(days=2)
    assert await database.transact(lambda conn: retention.purge_address(conn, ANA, after)) == 1
    assert await holding(database, ANA) == []
    assert await database.transact(lambda conn: retention.purge_address(conn, ANA, after)) == 0
    assert await database.read(lambda conn: seal.check(conn, pk)) == []
    assert (await database.read(lambda conn: attempts_store.of_event(conn, pk)))[0].vendor_id == "SM1"


async def test_a_number_that_the_roster_has_exchanged_is_purged_too(database):
    """It was tried there, and when it was to be tried again the roster had another number."""
    ana = ROSTER.people["ana"]
    others = tuple(replace(m, address="+13125550199") if m.address == ANA else m for m in ana.methods)
    later = replace(ROSTER, people={**ROSTER.people, "ana": replace(ana, methods=others)})
    after = NOW + timedelta(days=2)

    def work(conn):
        pk = decide(conn, Member(posted(), 0), statement("E-1"), ROSTER, IDS, NOW).event_pk
        row = next(n for n in plans.of_event(conn, pk) if n.channel is ChannelName.SMS and n.address == ANA)
        attempt = Attempt.of(row, IDS.new(), Words(text="cut 12.5 MW", template="t"), NOW)
        assert claims.claim(conn, IDS, [Claim(notification=row, attempts=[attempt])], "o", NOW)
        outcomes.failed(conn, IDS, row, attempt, "busy", NOW + timedelta(seconds=2), NOW)
        readdress.follow(conn, IDS, ROSTER, later, NOW)
        while seal.seal(conn):
            pass
        return pk

    pk = await database.transact(work)
    assert await database.read(lambda conn: retention.held(conn, ANA, NOW)) == (0, 1, 1)
    assert await database.transact(lambda conn: retention.purge_address(conn, ANA, NOW)) == 0
    assert await database.read(lambda conn: retention.held(conn, ANA, after)) == (1, 0, 1)
    assert await database.transact(lambda conn: retention.purge_address(conn, ANA, after)) == 1
    assert await holding(database, ANA) == []
    assert await database.transact(lambda conn: retention.purge_address(conn, ANA, after)) == 0
    assert await database.read(lambda conn: seal.check(conn, pk)) == []


async def test_a_message_about_several_events_goes_with_one_of_them(database):
    """The others are kept, and their evidence is none the worse; where it was about one alone, it was taken out."""
    pks = [await told(database, event_id) for event_id in ("E-1", "E-2")]
    end = Reading(
        event_id=None,
        revision=None,
        content=content(message_type=MessageType.CANCEL),
        key="miso",
        order=Order.ARRIVAL,
        follows=Follows(own_id="E-3", alike=True),
        parsed={},
    )
    message = posted()
    await database.transact(lambda conn: decide(conn, Member(message, 0), end, ROSTER, IDS, NOW))

    def breaks(of):
        return database.read(lambda conn: [broken.why for broken in seal.check(conn, of)])

    assert [await breaks(pk) for pk in pks] == [[], []]
    [with_it] = await database.read(
        lambda conn: list(conn.scalars(select(deliveries.c.event_pk).where(deliveries.c.id == message.id)))
    )
    other = next(pk for pk in pks if pk != with_it)
    await database.transact(lambda conn: retention._delete_event(conn, with_it))
    assert await breaks(other) == []
    await database.transact(lambda conn: conn.execute(delete(deliveries).where(deliveries.c.event_pk == other)))
    [why] = await breaks(other)
    assert why.startswith("the message ")
    assert why.endswith(" was taken out")


async def test_an_event_that_goes_on_keeps_its_numbers(database):
    await told(database)
    assert await database.transact(lambda conn: retention.purge_address(conn, ANA, NOW)) == 0
    assert notifications.name in await holding(database, ANA)


async def test_a_body_that_another_member_needs_stays(database):
    first, second = await told(database, "E-1"), await told(database, "E-2")

    def shares(conn):
        columns = metadata.tables["deliveries"].c
        body = conn.scalar(select(columns.body_id).where(columns.event_pk == first))
        conn.execute(update(metadata.tables["deliveries"]).where(columns.event_pk == second).values(body_id=body))
        retention._delete_event(conn, first)
        return conn.scalar(select(func.count()).select_from(bodies).where(bodies.c.id == body))

    assert await database.transact(shares) == 1


# --- months ---------------------------------------------------------------------------------------------------------


def test_months_follow_each_other_over_the_year():
    begins = partitions.months(datetime(2026, 11, 21, 9, tzinfo=UTC))
    assert [f"{at:%d.%m.%y}" for at in begins] == ["01.11.26", "01.12.26", "01.01.27", "01.02.27", "01.03.27"]


async def test_coming_months_are_made_once_and_rows_find_theirs(database):
    later = TODAY + timedelta(days=200)
    made, _ = await database.transact(lambda conn: partitions.make(conn, later))
    assert await database.transact(lambda conn: partitions.make(conn, later)) == ([], [])
    if not made:
        return  # SQLite has none
    await told(database)

    def where(conn):
        found = conn.exec_driver_sql("SELECT DISTINCT tableoid::regclass::text FROM timeline")
        return [row[0] for row in found]

    assert await database.read(where) == [f"timeline_{TODAY:%Y_%m}"]


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_a_month_with_rows_in_the_rest_bars_no_other(request, database, monkeypatch, meanwhile):
    """Neither a start nor what is done each hour ends over it, and it is said; also where they came meanwhile."""
    if request.node.callspec.params["database"] == "inline":
        return  # SQLite has no partitions
    if meanwhile:
        monkeypatch.setattr(partitions, "_rests", lambda *_: False)
    later = TODAY + timedelta(days=1300 if meanwhile else 900)
    pk = await told(database)
    names = [f"{at:%Y_%m}" for at in partitions.months(later)[:-1]]

    def strays(conn):
        row = {"event_pk": pk, "at": later, "kind": "planned", "body": "{}", "private_sha256": "", "salt": ""}
        conn.execute(insert(timeline), row | {"id": partitions.first_id(later)})

    await database.transact(strays)
    months = await database.transact(lambda conn: partitions.make(conn, later))
    assert months.barred == [f"timeline_{names[0]}"]
    assert months.made == [f"timeline_{name}" for name in names[1:]] + [f"attempts_{name}" for name in names]

    with capture_logs() as logs:
        house = Housekeeping(database, ManualClock(later), KEEP)
        await house.make_months()
        await house.make_months()
    assert [(line["log_level"], line["names"]) for line in logs] == [("error", months.barred)]
