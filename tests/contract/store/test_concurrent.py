"""What only several processes at once show: nothing is taken twice, nobody waits for ever, a lost server is no end.

Two database objects on one PostgreSQL stand for two processes.
"""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from structlog.testing import capture_logs

from model.attempt import Attempt, Words
from model.errors import Unavailable
from model.event import Action, Instruction, MessageType, Phase, Severity
from model.ids import SystemIds
from model.plan import AgendaKind, ChannelName, Hold, Kind, Notification, State
from model.silence import Noise, Silence
from routing import reviser
from routing.accept import Member, decide
from store import (
    attempts,
    claims,
    events,
    lines,
    outbox,
    paces,
    plans,
    replies,
    retention,
    rings,
    rosters,
    seal,
    silences,
    timeline,
)
from store.claims import Call, Claim
from store.deliveries import DeliveryState
from store.outbox import Share
from store.paces import Turn
from store.places import Postgres
from store.portable import lock_alone
from store.postgres import PostgresDatabase, at_once
from store.replies import Code
from store.retention import Keep
from store.rings import Ring
from store.rosters import KeyRow
from store.signals import signal
from store.tables import events as events_table
from store.tables import notifications, placing_keys, voice_in_flight
from tests import postgres
from tests.contract.store.statements import accept, posted, statement
from tests.unit.routing.house import NOW, ROSTER

pytestmark = pytest.mark.service("postgresql")
IDS = SystemIds()


@pytest.fixture
async def two(postgres_url):
    pair = PostgresDatabase(postgres_url, pool_size=5), PostgresDatabase(postgres_url, pool_size=5)
    await asyncio.gather(*(database.listening() for database in pair))
    yield pair
    await asyncio.gather(*(database.close() for database in pair))


@pytest.fixture
def database(two):
    return two[0]


async def an_event(database, event_id="E-1"):
    return (await accept(database, statement(event_id))).event_pk


def rows_of(event_pk, count, channel, **more):
    return [
        Notification(
            id=IDS.new(),
            event_pk=event_pk,
            revision=1,
            kind=Kind.ALERT,
            channel=channel,
            address=f"+1312555{n:04}",
            person=f"p{n}",
            step=7,
            due_at=NOW,
            until=NOW + timedelta(minutes=10),
            lane=0,
            **more,
        )
        for n in range(count)
    ]


async def add(database, rows):
    await database.transact(lambda conn: plans.add_notifications(conn, rows))


def a_claim(row, call=None):
    words = Words(text="cut 12.5 MW", template="t")
    attempt = Attempt.of(row, IDS.new(), words, NOW)
    return Claim(notification=row, attempts=[attempt], call=call)


async def claim_some(database, channel, owner, call=None, limit=5):
    """One turn of a dispatcher: look, then claim what was seen. Returns what was won, None when nothing was due."""
    due = (await database.read(lambda conn: outbox.due(conn, {channel: limit}, NOW)))[channel]
    if not due:
        return None

    def work(conn):
        ours = outbox.take_in_hand(conn, [d.notification.id for d in due])
        wanted = [a_claim(d.notification, call) for d in due if d.notification.id in ours]
        return list(claims.claim(conn, IDS, wanted, owner, NOW))

    return await database.transact(work)


# --- claims ---------------------------------------------------------------------------------------------------------


async def test_claimers_never_take_a_row_twice(two):
    event_pk = await an_event(two[0])
    rows = rows_of(event_pk, 60, ChannelName.SMS)
    await add(two[0], rows)

    async def claimer(database, owner):
        won = []
        while (some := await claim_some(database, ChannelName.SMS, owner)) is not None:
            won += some
        return won

    won = [row for part in await asyncio.gather(*(claimer(two[n % 2], f"o{n}") for n in range(8))) for row in part]
    assert set(won) >= {row.id for row in rows}
    assert Counter(won).most_common(1)[0][1] == 1
    tries = await two[0].read(lambda conn: [len(attempts.of_notification(conn, row.id)) for row in rows])
    assert set(tries) == {1}


async def test_notifiers_share_what_is_due_and_leave_nothing(two):
    """Each sees its own rows at once, all see what nobody took in time; the most urgent come first."""
    await add(two[0], rows_of(await an_event(two[0]), 60, ChannelName.SMS))

    async def seen(share, now=NOW):
        found = await two[0].read(lambda conn: outbox.due(conn, {ChannelName.SMS: 100}, now, share))
        return [due.notification.id for due in found[ChannelName.SMS]]

    whole = await seen(Share())
    parts = [await seen(Share(number, 3)) for number in range(3)]
    assert all(parts)
    assert sorted(id_ for part in parts for id_ in part) == sorted(whole) == whole
    later = NOW + outbox.LEFT
    assert [await seen(Share(number, 3), later) for number in range(3)] == [whole] * 3
    assert set().union(*(Share(number, 40).digits() for number in range(40))) == set(outbox.HEX_DIGITS)


async def test_never_more_calls_than_lines(two):
    """Neither process knows of the other's calls but by the rows."""
    await add(two[0], rows_of(await an_event(two[0]), 20, ChannelName.VOICE))
    call = Call(until=NOW + timedelta(minutes=3), lines=3, per_second=1e9)
    turns = (claim_some(two[n % 2], ChannelName.VOICE, f"o{n}", call) for n in range(6))
    won = [row for part in await asyncio.gather(*turns) for row in part or ()]
    assert len(won) == 3
    assert await two[1].read(lines.in_use) == 3


async def test_calls_per_second_are_counted_together(two):
    await add(two[0], rows_of(await an_event(two[0]), 6, ChannelName.VOICE))
    call = Call(until=NOW + timedelta(minutes=3), lines=50, per_second=2)
    turns = (claim_some(two[n % 2], ChannelName.VOICE, f"o{n}", call) for n in range(4))
    won = [row for part in await asyncio.gather(*turns) for row in part or ()]
    assert len(won) == 1
    assert await two[0].read(lambda conn: paces.next_at(conn, "voice", NOW)) == NOW + timedelta(seconds=0.5)
    held = select(func.count()).where(notifications.c.hold == Hold.CHANNEL_RATE)
    assert await two[0].read(lambda conn: conn.scalar(held)) > 0


async def test_one_call_at_a_time_to_a_number(two):
    event_pk = await an_event(two[0])
    same = [replace(row, address="+13125550000") for row in rows_of(event_pk, 4, ChannelName.VOICE)]
    await add(two[0], same)
    call = Call(until=NOW + timedelta(minutes=3), lines=50, per_second=1e9)
    turns = (claim_some(two[n % 2], ChannelName.VOICE, f"o{n}", call, limit=1) for n in range(4))
    won = [row for part in await asyncio.gather(*turns) for row in part or ()]
    assert len({row.id for row in same}.intersection(won)) <= 1  # the event's own calls go to other numbers
    assert len(await two[0].read(lambda conn: list(conn.scalars(select(voice_in_flight.c.number))))) == len(won)


async def test_a_code_is_open_once(two):
    event_pk = await an_event(two[0])
    code = Code("+13125550000", "A", event_pk, 1, "ana")
    opened = await asyncio.gather(
        *(two[n % 2].transact(lambda conn: replies.open_new(conn, [code], NOW)) for n in range(6))
    )
    assert sorted(opened, key=len) == [set()] * 5 + [{code}]


# --- placing and plans ----------------------------------------------------------------------------------------------


async def test_fifty_duplicates_are_one_event(two):
    found = await asyncio.gather(*(accept(two[n % 2], statement()) for n in range(50)))
    assert Counter(d.state for d in found) == {DeliveryState.PLANNED: 1, DeliveryState.DUPLICATE: 49}
    assert await two[0].read(lambda conn: conn.scalar(select(func.count()).select_from(events_table))) == 1


async def test_a_message_delivered_to_both_is_decided_once(two):
    member = Member(posted(), 0)

    def work(conn):
        return decide(conn, member, statement(), ROSTER, IDS, NOW)

    found = await asyncio.gather(*(two[n % 2].transact(work) for n in range(10)))
    assert sum(d is not None for d in found) == 1


@pytest.mark.parametrize("seed", range(5))
async def test_a_row_is_claimed_or_superseded_and_what_rings_is_cut(two, seed):
    """A cancel and the dispatcher at the same instant: nobody's phone rings on as if nothing had happened."""
    event_pk = await an_event(two[0])
    await add(two[0], rows_of(event_pk, 20, ChannelName.VOICE))
    cancel = {
        "message_type": MessageType.CANCEL,
        "phase": Phase.TERMINATION,
        "instruction": Instruction(action=Action.RELEASE),
    }
    await accept(two[0], statement(number=2, **cancel))
    due = await two[0].read(lambda conn: plans.due_agenda(conn, NOW + timedelta(hours=1)))

    async def replan():
        await two[0].transact(lambda conn: reviser.take(conn, event_pk, due, ROSTER, IDS, NOW))

    async def dispatch(owner):
        await asyncio.sleep(0.002 * seed)
        await claim_some(two[1], ChannelName.VOICE, owner, limit=8)

    await asyncio.gather(dispatch("a"), replan(), dispatch("b"))
    for row in await two[0].read(lambda conn: plans.of_event(conn, event_pk)):
        if row.channel is ChannelName.VOICE and row.kind is Kind.ALERT:
            assert row.state is State.SUPERSEDED or (row.state is State.SENDING and row.cut_requested_at), row


async def test_many_wishes_to_revise_are_one_row(two):
    event_pk = await an_event(two[0])
    await asyncio.gather(
        *(
            two[n % 2].transact(lambda conn: plans.ask_revise(conn, IDS, event_pk, 1, "c", NOW, urgent=True))
            for n in range(20)
        )
    )
    rows = await two[0].read(lambda conn: plans.agenda_of_event(conn, event_pk))
    assert [r.lane for r in rows if r.kind == "revise"] == [0]


async def test_each_roster_has_a_version_of_its_own(two):
    saved = await asyncio.gather(
        *(
            two[n % 2].transact(
                lambda conn, n=n: rosters.save(conn, replace(ROSTER, admin_channel=f"C{n}"), "test", NOW)
            )
            for n in range(6)
        )
    )
    assert sorted(r.version for r in saved) == [1, 2, 3, 4, 5, 6]


async def test_other_keys_make_a_version_the_same_none(database):
    one, other = KeyRow(id="one", sha256="1" * 64, role="admin"), KeyRow(id="other", sha256="2" * 64, role="admin")
    found = []
    for keys in ([one, other], [other, one], None, [one], []):
        saved = await database.transact(lambda conn, k=keys: rosters.save(conn, ROSTER, "test", NOW, keys=k))
        found.append((saved.version, len(await database.read(rosters.all_keys))))
    assert found == [(1, 2), (1, 2), (1, 2), (2, 1), (3, 0)]


async def test_no_character_stops_us(database):
    """A conflict's headline goes into many columns as it is."""
    pk = await an_event(database)
    odd = replace(statement(headline="cut\0 12.5 \u2028 \U0001f50c"), own_digest="other")
    assert (await accept(database, odd)).state is DeliveryState.CONFLICT
    notes = await database.read(lambda conn: [n for n in plans.of_event(conn, pk) if n.kind is Kind.NOTE])
    assert len(notes) == 1


# --- evidence -------------------------------------------------------------------------------------------------------


async def test_two_sealers_make_one_chain(two):
    """Numbers become visible out of order here; the chain holds all the same."""
    event_pk = await an_event(two[0])

    async def write(n):
        for i in range(10):
            await two[n % 2].transact(
                lambda conn, i=i: timeline.append(conn, IDS, event_pk, NOW, "note", {"n": n, "i": i})
            )

    async def seal_on(database):
        for _ in range(20):
            await database.transact(seal.seal)

    await asyncio.gather(*(write(n) for n in range(6)), *(seal_on(database) for database in two))
    while await two[0].transact(seal.seal):
        pass
    state = await two[0].read(lambda conn: seal.state(conn, event_pk))
    assert state.unsealed == 0
    assert state.sealed >= 62
    assert await two[0].read(lambda conn: seal.check(conn, event_pk)) == []


# --- signals --------------------------------------------------------------------------------------------------------


async def test_a_signal_wakes_the_other_process(two):
    with two[1].signals.waiting("topic") as woken, two[1].signals.waiting("other") as other:
        await two[0].transact(lambda conn: signal(conn, "topic"))
        async with asyncio.timeout(2):
            await woken.wait()
        assert not other.is_set()


async def test_many_signals_fit_no_single_notification(two):
    names = [f"delivery/{n:04}{'x' * 40}" for n in range(400)]
    with two[1].signals.waiting(names[0]) as first, two[1].signals.waiting(names[-1]) as last:
        await two[0].transact(lambda conn: [signal(conn, name) for name in names])
        async with asyncio.timeout(2):
            await first.wait()
            await last.wait()


# --- a silence that somebody ends ------------------------------------------------------------------------------------

QUIET = Silence(
    id=IDS.new(),
    noise=Noise(sources=("miso",)),
    since=NOW,
    until=NOW + timedelta(hours=8),
    reason="new feed",
    author="key ana",
)


def end_meanwhile(url, monkeypatch, after):
    """Somebody ends the silence right after the decision has done that. Returns what came of each such end."""
    done, found = getattr(silences, after), []

    def work(conn):
        conn.execute(text("SET LOCAL lock_timeout = 200"))
        return silences.end(conn, QUIET.id, NOW)

    def then_end(*args):
        value = done(*args)
        try:
            found.append(at_once(url, work))
        except Unavailable as waits:
            found.append(waits)
        return value

    monkeypatch.setattr(silences, after, then_end)
    return found


async def test_who_ends_a_silence_waits_for_what_it_is_about_to_hold(database, postgres_url, monkeypatch):
    """Looked for before it is there, the event would be told when the silence should have been over."""
    await database.transact(lambda conn: silences.begin(conn, QUIET))
    ends = end_meanwhile(postgres_url, monkeypatch, after="hold")
    pk = (await accept(database, statement(severity=Severity.WARNING))).event_pk
    assert await database.read(lambda conn: silences.still_open(conn, QUIET.id, NOW)) == [pk]
    assert [str(waits) for waits in ends] == ["canceling statement due to lock timeout"]


async def test_what_a_silence_holds_that_was_ended_meanwhile_is_looked_at_at_once(database, postgres_url, monkeypatch):
    await database.transact(lambda conn: silences.begin(conn, QUIET))
    ends = end_meanwhile(postgres_url, monkeypatch, after="active")
    pk = (await accept(database, statement(severity=Severity.WARNING))).event_pk
    assert ends[0] == replace(QUIET, until=NOW)
    [look] = await database.read(lambda conn: plans.agenda_of_event(conn, pk))
    assert (look.kind, look.due_at) == (AgendaKind.REVISE, NOW)


# --- what is too old to be kept --------------------------------------------------------------------------------------


async def test_what_is_said_of_an_old_event_at_that_moment_keeps_it(database, postgres_url, monkeypatch):
    """A day after it came; its next revision is written down when it was chosen to be deleted."""
    pk, day, keep = await an_event(database), timedelta(days=1), Keep(timedelta(days=1), timedelta(days=1))
    now = datetime.now(UTC) + 2 * day  # ids carry the real time
    lock = retention.lock_events

    def work(conn):
        decide(conn, Member(posted(at=now), 0), statement("E-1", 2, headline="cut 20 MW"), ROSTER, IDS, now)

    def locked_after(conn, pks):
        assert list(pks) == [pk]
        at_once(postgres_url, work)
        lock(conn, pks)

    monkeypatch.setattr(retention, "lock_events", locked_after)
    assert await database.transact(lambda conn: retention.delete_batch(conn, now, keep)) == 0
    [event] = (await database.read(lambda conn: events.load(conn, [pk]))).values()
    assert [revision.number for revision in event.revisions] == [1, 2]


# --- a call that tries whether somebody is reached --------------------------------------------------------------------


async def test_what_two_callbacks_tell_of_a_ring_is_kept_of_both(database, postgres_url):
    """Each is written as a whole row: the key that was pressed must not be lost to what came beside it."""
    ring = Ring(id=IDS.new(), person="ana", started_at=NOW, by="root")
    await database.transact(lambda conn: rings.add(conn, ring))

    def pressed(conn):
        conn.execute(text("SET LOCAL lock_timeout = 200"))
        return rings.change(conn, ring.id, lambda known: replace(known, confirmed_at=NOW))

    def answered(known):
        with pytest.raises(Unavailable, match="lock timeout"):  # it waits, and writes to what this one leaves
            at_once(postgres_url, pressed)
        return replace(known, answered_at=NOW)

    await database.transact(lambda conn: rings.change(conn, ring.id, answered))
    await database.transact(pressed)
    assert await database.read(lambda conn: rings.newest(conn, "ana")) == replace(
        ring, answered_at=NOW, confirmed_at=NOW
    )


# --- a server that goes away ----------------------------------------------------------------------------------------


def kill_connections(url):
    """As a restart of the server does: all of this test's own database."""
    others = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return at_once(url, lambda conn: conn.scalar(others))


async def test_the_pool_recovers_by_itself(two, postgres_url):
    await asyncio.gather(*(database.transact(lambda conn: conn.scalar(text("SELECT 1"))) for database in two))
    assert await asyncio.to_thread(kill_connections, postgres_url) >= 4
    for database in two:
        assert await database.transact(lambda conn: conn.scalar(text("SELECT 1"))) == 1
        assert await database.read(lambda conn: conn.scalar(text("SELECT 2"))) == 2


async def test_who_slept_through_a_gap_is_woken_and_hears_again(two, postgres_url):
    with two[1].signals.waiting("topic") as woken:
        await asyncio.to_thread(kill_connections, postgres_url)
        async with asyncio.timeout(3):
            await woken.wait()  # something may have been signalled meanwhile
        woken.clear()
        await two[0].transact(lambda conn: signal(conn, "topic"))
        async with asyncio.timeout(3):
            await woken.wait()


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"), "warning"),
        (asyncpg.InterfaceError("connection is closed"), "warning"),
        (RuntimeError("a mistake of ours"), "error"),
    ],
)
async def test_a_connection_that_breaks_while_it_is_asked_is_made_again(two, postgres_url, monkeypatch, error, level):
    """Else the process would hear nothing until it is started again."""
    ask, broken = asyncpg.Connection.execute, []

    async def breaks(conn, query, *args, **more):
        if query == "SELECT 1" and not broken:
            broken.append(conn)
            raise error
        return await ask(conn, query, *args, **more)

    monkeypatch.setattr(asyncpg.Connection, "execute", breaks)
    monkeypatch.setattr("store.postgres.LISTEN_CHECK", timedelta(seconds=0.01))
    late = PostgresDatabase(postgres_url)
    with capture_logs() as logs, late.signals.waiting("topic") as woken:
        await late.listening()
        async with asyncio.timeout(3):
            while not broken:
                await asyncio.sleep(0.01)
            woken.clear()
            await woken.wait()  # something may have been signalled meanwhile
            woken.clear()
            await two[0].transact(lambda conn: signal(conn, "topic"))
            await woken.wait()
    assert [line["log_level"] for line in logs if "listening" in line["event"]] == [level]
    await late.close()


async def test_killed_in_the_middle_is_away_and_nothing_is_written(database):
    def dies(conn):
        conn.execute(placing_keys.insert().values(source="s", key="k"))
        conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Unavailable):
        await database.transact(dies)
    assert await database.transact(lambda conn: conn.scalar(select(func.count()).select_from(placing_keys))) == 0


@pytest.mark.parametrize("code", ["XX000", "XX001", "26000", "0A000", "55000", "40003"])
async def test_what_no_statement_of_ours_is_to_blame_for_is_away(database, code):
    with pytest.raises(Unavailable):
        await database.transact(
            lambda conn: conn.exec_driver_sql(f"DO $$ BEGIN RAISE 'odd' USING ERRCODE = '{code}'; END $$")
        )


async def test_nobody_there_is_learnt_quickly():
    nowhere = PostgresDatabase(f"postgresql://nobody:hush@127.0.0.1:{postgres._free_port()}/nothing")
    async with asyncio.timeout(2.5):
        with pytest.raises(Unavailable) as found:
            await nowhere.transact(lambda conn: None)
    assert "hush" not in str(found.value)
    await nowhere.close()


async def test_a_pool_in_which_no_connection_gets_free_is_away(postgres_url, monkeypatch):
    monkeypatch.setattr("store.postgres.POOL_SECONDS", 0.1)
    small = PostgresDatabase(postgres_url, pool_size=1)
    slow = asyncio.create_task(small.transact(lambda conn: conn.execute(text("SELECT pg_sleep(0.5)")).all()))
    await asyncio.sleep(0.2)
    with pytest.raises(Unavailable):
        await small.transact(lambda conn: None)
    await slow
    await small.close()


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
async def test_too_slow_is_away(two, limit):
    held = asyncio.Event()
    loop = asyncio.get_running_loop()

    def holds(conn):
        lock_alone(conn, "x")
        loop.call_soon(held.set)
        conn.execute(text("SELECT pg_sleep(0.4)"))

    def waits(conn):
        conn.execute(text(f"SET LOCAL {limit} = '50ms'"))
        lock_alone(conn, "x")

    holding = asyncio.create_task(two[0].transact(holds))
    await held.wait()
    with pytest.raises(Unavailable):
        await two[1].transact(waits)
    await holding


async def test_two_in_each_others_way_are_run_again(two):
    """A deadlock: the server ends one of them, which then finds its way."""
    runs = Counter()

    def crossing(first, second):
        def work(conn):
            runs[first] += 1
            lock_alone(conn, first)
            if runs[first] == 1:
                conn.execute(text("SELECT pg_sleep(0.2)"))
            lock_alone(conn, second)

        return work

    await asyncio.gather(two[0].transact(crossing("a", "b")), two[1].transact(crossing("b", "a")))
    assert sorted(runs.values()) == [1, 2]


async def test_mistakes_of_ours_are_not_away(database):
    with pytest.raises(ProgrammingError):
        await database.transact(lambda conn: conn.execute(text("SELECT * FROM no_such_table")))
    await database.transact(lambda conn: conn.execute(placing_keys.insert().values(source="s", key="k")))
    with pytest.raises(IntegrityError):
        await database.transact(lambda conn: conn.execute(placing_keys.insert().values(source="s", key="k")))


async def test_a_cancelled_caller_does_not_undo_its_write(database):
    def slow(conn):
        conn.execute(placing_keys.insert().values(source="s", key="kept"))
        conn.execute(text("SELECT pg_sleep(0.2)"))

    caller = asyncio.create_task(database.transact(slow))
    await asyncio.sleep(0.1)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    async with asyncio.timeout(2):
        while not await database.read(lambda conn: conn.scalar(select(placing_keys.c.key))):
            await asyncio.sleep(0.01)


def test_two_processes_migrate_at_once(postgres_database):
    with (
        postgres.server() as server,
        postgres.database(server) as url,
        ThreadPoolExecutor(2) as threads,
    ):
        changed = list(threads.map(lambda _: Postgres(url).upgrade(), range(2)))
    assert sorted(changed) == [False, True]


def test_the_password_is_not_shown():
    place = Postgres("postgresql://gridcall@db.example/gridcall?password=hush")
    assert str(place) == "postgresql://gridcall:***@db.example/gridcall"


async def test_turns_are_counted_together(two):
    """A burst of three, then two a second, whoever asks; another account has its own."""
    turn = Turn("slack/C0OPS", per_second=2, burst=3)

    async def ask(n, at=NOW):
        return await two[n % 2].transact(lambda conn: paces.take_turn(conn, turn, at))

    answers = await asyncio.gather(*(ask(n) for n in range(8)))
    assert sorted(answers, key=lambda at: at is not None) == [None] * 3 + [NOW + timedelta(seconds=0.5)] * 5
    assert await ask(0, NOW + timedelta(seconds=0.5)) is None
    assert await ask(1, NOW + timedelta(seconds=0.5)) == NOW + timedelta(seconds=1)
    other = Turn("slack/C0ADMIN", per_second=2, burst=1)
    assert await two[1].transact(lambda conn: paces.take_turn(conn, other, NOW)) is None
    await two[0].transact(lambda conn: paces.forget(conn, NOW + timedelta(hours=1)))
    assert await ask(1) is None


async def test_turns_of_several_accounts_are_taken_as_each_would_be(two):
    """Also of one that is asked for twice, of another pace, and of one that has none left."""
    names = ["C0A", "C0B", "C0C", "C0B"]
    turns = [Turn(f"slack/{name}", per_second=2, burst=1) for name in names] + [Turn("edits/C0A", 0.2, 1)]
    used, later = Turn("slack/C0C", per_second=2, burst=1), NOW + timedelta(seconds=0.5)

    def work(conn, some):
        paces.take_turn(conn, used, NOW)
        return paces.take_turns(conn, some, NOW)

    once = await two[0].transact(lambda conn: work(conn, [turns[0], turns[1], turns[2], turns[4]]))
    assert once == [None, None, later, None]
    assert await two[1].transact(lambda conn: paces.take_turns(conn, turns[:3], NOW)) == 3 * [later]
    await two[0].transact(lambda conn: paces.forget(conn, NOW + timedelta(hours=1)))
    twice = await two[1].transact(lambda conn: work(conn, turns))
    assert twice == [None, None, later, later, None]
    assert await two[0].transact(lambda conn: paces.take_turns(conn, [], NOW)) == []


async def test_processes_that_take_turns_together_never_take_one_too_many(two):
    names = [f"C0{n:02}" for n in range(20)]
    turns = [Turn(f"slack/{name}", per_second=1, burst=2) for name in names]

    async def ask(n):
        some = turns[n:] + turns[:n]
        return await two[n % 2].transact(lambda conn: paces.take_turns(conn, some, NOW))

    answers = [at for some in await asyncio.gather(*(ask(n) for n in range(6))) for at in some]
    assert answers.count(None) == 2 * len(turns)


async def test_what_other_processes_used_is_held(two):
    """The row of the second dispatcher waits, with the reason, until the first one's pace allows it."""
    [first, second] = rows_of(await an_event(two[0]), 2, ChannelName.SLACK_DM)
    await add(two[0], [first, second])
    turn = Turn("slack_dm/U0ANA", per_second=1, burst=1)

    async def claim(database, row):
        wanted = replace(a_claim(row), turns=(turn,))
        return await database.transact(lambda conn: claims.claim(conn, IDS, [wanted], "o", NOW))

    assert await claim(two[0], first)
    assert not await claim(two[1], second)
    held = await two[0].read(lambda conn: plans.one(conn, second.id))
    assert (held.state, held.hold, held.due_at) == (State.PENDING, Hold.CHANNEL_RATE, NOW + timedelta(seconds=1))
