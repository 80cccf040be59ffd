"""The dispatcher against a bare loop of the same SDK calls: texts by Twilio's, direct messages by Slack's.

Both are sent by this process to the stand-ins in another one, by turns in one run, with the same clients, the same
words and as many requests at once. The dispatcher begins with rows that are due, each of an event and to a reader of
its own, and is through when the last outcome is in the database; the bare loop has its words ready and keeps nothing.

No limit binds: the paces of the accounts and what one reader may get (`FREE`) are set far beyond what is sent, and
calls are left out, since a line and the calls a second decide how many there can be. What the claim must look at for
these limits it looks at all the same.

The vendors' stand-ins need a processor of their own: on a machine that has none to spare both sides wait for it.
"""

import asyncio
import gc
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import structlog
from sqlalchemy import Engine, event, func, select

from bench.issued import issued
from bench.processes import Idle, server
from model import limits
from model.attempt import Attempt, Sent
from model.clock import SystemClock
from model.event import Event
from model.ids import SystemIds
from model.plan import WAYS, ChannelName, Kind, Notification, State
from model.ports import Channel, Found, Send
from model.roster import ContactMethod, Person, Policy, Roster, Source, Step, Team
from model.route import Route
from notifiers.channels.slack import SlackChannel, SlackWorkspace
from notifiers.channels.sms import SmsChannel
from notifiers.channels.twilio_account import TwilioAccount
from notifiers.dialling import Dialling
from notifiers.dispatcher import Dispatcher
from notifiers.limits import Limits
from sandbox import Settings
from store import events, plans
from store.database import Connection, Database
from store.places import Place, Postgres, SqliteFile
from store.tables import notifications
from tests import postgres

ROWS = 400
ROUNDS = 7
LAST_SECONDS = 60.0
ASKED = {ChannelName.SMS: 0.7, ChannelName.SLACK_DM: 0.5}
NAMES = {ChannelName.SMS: "Twilio, texts", ChannelName.SLACK_DM: "Slack, direct messages"}
CALLER = "+15550199"
IDS = SystemIds()
FREE = Limits(
    slack_per_second=1e6, slack_burst=1000, calls_per_second=1e6, lines=10_000, written=limits.pauses_times(100)
)


class Watched:
    """A channel that notes what it sent."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.name = channel.name
        self.timeout_seconds = channel.timeout_seconds
        self.repeatable = channel.repeatable
        self.sends: list[Send] = []

    async def send(self, send: Send) -> Sent:
        sent = await self._channel.send(send)
        self.sends.append(send)
        return sent

    async def find(
        self, attempt: Attempt, known_ids: frozenset[str], since: Any, thread: str | None = None
    ) -> Found | None:
        return await self._channel.find(attempt, known_ids, since, thread)

    async def cut(self, vendor_id: str, answered: bool, spoken: str) -> None:
        await self._channel.cut(vendor_id, answered, spoken)

    async def say_instead(self, attempt: Attempt, prompt: str) -> None:
        await self._channel.say_instead(attempt, prompt)

    async def close(self) -> None:
        await self._channel.close()


@dataclass
class Rounds:
    """Requests a second, by turns, and processor milliseconds of this process for each."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    our_cpu: list[float] = field(default_factory=list)
    bare_cpu: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    statements: float = 0.0  # of our database, for each request

    def show(self, where: str, channel: ChannelName) -> None:
        ratios = sorted(ours / bare for ours, bare in zip(self.ours, self.bare, strict=True))
        ratio = f"{median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        over = "" if median(ratios) >= ASKED[channel] else f"  (less than the {ASKED[channel]} asked for)"
        print(
            f"{where:12}{NAMES[channel]:26}{median(self.ours):>8.0f}{median(self.bare):>8.0f}{ratio:>20}"
            f"{median(self.our_cpu):>12.2f}{median(self.bare_cpu):>8.2f}"
            f"{self.statements:>12.1f}{median(self.idle):>8.0%}{over}"
        )


async def run(postgres_url: str | None) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))  # as the measured servers log
    print(
        f"\nsending: the dispatcher against a bare loop of the same SDK calls, "
        f"{ROUNDS} rounds of {ROWS} rows by turns\n"
        f"{'':38}{'ours/s':>8}{'bare/s':>8}{'ratio':>20}{'our CPU ms':>12}{'bare':>8}{'statements':>12}{'idle':>8}"
    )
    async with AsyncExitStack() as stack:
        standins = await stack.enter_async_context(server("standins"))
        with tempfile.TemporaryDirectory(prefix="gridcall-bench-") as folder:
            await _on("SQLite", SqliteFile(Path(folder) / "bench.db"), standins.port)
        if postgres_url:
            with postgres.database(postgres_url) as url:
                await _on("PostgreSQL", Postgres(url), standins.port)
    structlog.reset_defaults()


async def _on(name: str, place: Place, port: int) -> None:
    await asyncio.to_thread(place.upgrade)
    bench = Bench(place.open(), f"http://127.0.0.1:{port}")
    for channel in ASKED:
        rounds = Rounds()
        await bench.round(channel, Rounds())  # warm
        rounds.statements = await bench.statements(channel)
        for _ in range(ROUNDS):
            await bench.round(channel, rounds)
        rounds.show(name, channel)
    await bench.close()


class Bench:
    """One database, and the vendors' clients, which both use."""

    def __init__(self, database: Database, standins: str) -> None:
        self._database = database
        self._clock = SystemClock()
        play = Settings()
        self._account = TwilioAccount(
            account_sid=play.twilio_account_sid,
            auth_token=play.twilio_auth_token,
            clock=self._clock,
            base_url=f"{standins}/twilio",
        )
        self._workspace = SlackWorkspace(
            token=play.slack_bot_token, clock=self._clock, base_url=f"{standins}/slack/api/"
        )
        self._direct = SlackChannel(ChannelName.SLACK_DM, self._workspace)
        texts = SmsChannel(self._account, dialling=Dialling(CALLER), public_url=None)
        self._watched = {ChannelName.SMS: Watched(texts), ChannelName.SLACK_DM: Watched(self._direct)}
        self._made = 0
        self._roster = _roster()

    async def close(self) -> None:
        for channel in self._watched.values():
            await channel.close()
        await self._database.close()

    async def round(self, channel: ChannelName, rounds: Rounds) -> None:
        """Ours, then the same requests by the bare loop."""
        await self._make_due(channel)
        sends = await self._ours(channel, rounds)
        await self._bare(channel, sends, rounds)

    async def statements(self, channel: ChannelName) -> float:
        """Of our database, for each request."""
        await self._make_due(channel)
        with _counted() as statements:
            sends = await self._ours(channel, Rounds())
        return len(statements) / len(sends)

    async def _make_due(self, channel: ChannelName) -> None:
        first = self._made
        self._made += ROWS
        if channel is ChannelName.SLACK_DM:
            # A server meets people before it has to write to them.
            await self._direct.get_to_know([_user(n) for n in range(first, self._made)], ROWS)
        await self._database.transact(lambda conn: self._fill(conn, channel, range(first, first + ROWS)))

    async def _ours(self, channel: ChannelName, rounds: Rounds) -> Sequence[Send]:
        watched = self._watched[channel]
        watched.sends.clear()
        dispatcher = Dispatcher(
            self._database, self._clock, IDS, lambda: self._roster, {channel: watched}, owner="bench", limits=FREE
        )
        gc.collect()
        idle, cpu, began = Idle(), process_time(), perf_counter()
        running = asyncio.create_task(dispatcher.run())
        await self._all_sent(watched)
        took = perf_counter() - began
        rounds.our_cpu.append(1000 * (process_time() - cpu) / len(watched.sends))
        rounds.ours.append(len(watched.sends) / took)
        rounds.idle.append(idle.share())
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return list(watched.sends)

    async def _all_sent(self, watched: Watched) -> None:
        """Nothing is asked of the database before the vendor was asked for everything."""
        end = perf_counter() + LAST_SECONDS
        while len(watched.sends) < ROWS or await self._database.read(_unsent):
            if perf_counter() > end:
                raise RuntimeError(f"of {ROWS} rows {len(watched.sends)} were sent within {LAST_SECONDS:g} s")
            await asyncio.sleep(0.005)

    def _fill(self, conn: Connection, channel: ChannelName, numbers: range) -> None:
        now = self._clock.now()
        due = []
        for n in numbers:
            made = issued(now, policy="to-p0")
            events.save(conn, made)
            events.add_revision(conn, made.pk, made.latest, {})
            due.append(_row(made, channel, n))
        plans.add_notifications(conn, due)

    async def _bare(self, channel: ChannelName, sends: Sequence[Send], rounds: Rounds) -> None:
        ask = await (self._text() if channel is ChannelName.SMS else self._post(sends))
        waiting = iter(sends)

        async def worker() -> None:
            for send in waiting:
                await ask(send)

        gc.collect()
        cpu, began = process_time(), perf_counter()
        await asyncio.gather(*(worker() for _ in range(WAYS[channel].at_once)))
        took = perf_counter() - began
        rounds.bare_cpu.append(1000 * (process_time() - cpu) / len(sends))
        rounds.bare.append(len(sends) / took)

    async def _text(self) -> Callable[[Send], Awaitable[object]]:
        client = await self._account.ask(5.0, _itself)

        async def ask(send: Send) -> object:
            return await client.messages.create_async(
                to=send.attempt.address, from_=CALLER, body=send.attempt.words.text, validity_period=3600
            )

        return ask

    async def _post(self, sends: Sequence[Send]) -> Callable[[Send], Awaitable[object]]:
        found: list[Any] = []

        async def keep(client: Any) -> Any:
            found.append(client)
            return await client.auth_test()

        await self._workspace.ask(5.0, keep, changes=False)
        client = found[0]
        channels = {
            send.attempt.address: (await client.conversations_open(users=send.attempt.address))["channel"]["id"]
            for send in sends
        }

        async def ask(send: Send) -> object:
            return await client.chat_postMessage(
                channel=channels[send.attempt.address],
                text=send.attempt.words.text,
                blocks=send.attempt.words.payload["blocks"],
                metadata={"event_type": "bench", "event_payload": {"attempt": send.attempt.id}},
            )

        return ask


async def _itself(client: Any) -> Any:
    return client


@contextmanager
def _counted() -> Iterator[list[None]]:
    """One for each statement that any database is asked meanwhile."""
    found: list[None] = []

    def note(*_of_it: object) -> None:
        found.append(None)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _unsent(conn: Connection) -> bool:
    waits = notifications.c.state.in_([State.PENDING, State.SENDING])
    return bool(conn.scalar(select(func.count()).where(waits)))


def _row(made: Event, channel: ChannelName, n: int) -> Notification:
    return Notification(
        id=IDS.new(),
        event_pk=made.pk,
        revision=1,
        kind=Kind.ALERT,
        channel=channel,
        address=f"+1555{n:07}" if channel is ChannelName.SMS else _user(n),
        person="p0",
        team="ops",
        step=0,
        due_at=made.received_at,
        until=made.deadline_at,
        lane=0,
    )


def _user(n: int) -> str:
    return f"U{n:07}"


def _roster() -> Roster:
    methods = (
        ContactMethod(channel=ChannelName.SMS, address="+15550000000"),
        ContactMethod(channel=ChannelName.SLACK_DM, address=_user(0)),
    )
    policy = Policy(id="to-p0", steps=(Step(after_seconds=0, people=("p0",)),))
    return Roster(
        people={"p0": Person(id="p0", name="Person 0", timezone="UTC", methods=methods)},
        teams={"ops": Team(id="ops", name="Bench")},
        policies={policy.id: policy},
        routes=(Route(id="all", team="ops", policy=policy.id),),
        sources={"bench": Source(id="bench", name="Bench", heartbeat=None)},
    )
