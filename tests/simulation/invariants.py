"""What must hold after every step, checked against each change as it is committed and each request as it is made."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from model.attempt import Attempt
from model.limits import Pauses
from model.plan import ChannelName, State
from model.ports import Send
from model.roster import Policy
from notifiers.limits import ALL_EDITS, EDIT_EVERY_SECONDS, EDITS, EDITS_A_MINUTE, Limits
from store.codec import mapping
from tests.simulation.database import Note
from tests.simulation.vendors import Record, Vendors

TEN_MINUTES = timedelta(minutes=10)
CLOCKS_APART = 5.0  # seconds, at most, between the clocks of two processes that follow each other
STOP_SECONDS = 0.25  # after a supersession's commit no vendor create begins later than this
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Broken(Exception):
    """An invariant does not hold."""


@dataclass(slots=True)
class Row:
    """A notification as the watch knows it."""

    id: str
    event_pk: str
    kind: str
    channel: str
    address: str
    person: str | None
    revision: int
    overtime: bool
    lane: int
    follows: str | None
    state: State = State.PENDING
    known_at: float | None = None  # when we learned that the vendor has it
    stopped_at: float | None = None
    claimed: bool = False  # a vendor may have been asked
    created: dict[int, int] = field(default_factory=dict)  # things the vendor took, by part
    carried_by: str | None = None  # in whose message it is told

    @property
    def redial(self) -> bool:
        return self.channel == ChannelName.VOICE and self.follows is not None


@dataclass(slots=True)
class Known:
    """An event as the watch knows it."""

    status: str
    answer_revision: int
    policy: str
    name: str
    at: float
    work_until: dict[int, datetime] = field(default_factory=dict)
    deadline_at: dict[int, datetime] = field(default_factory=dict)
    planned: bool = False
    leaders: list[tuple[int, str]] = field(default_factory=list)  # what rang for it, with the revision it asked by
    # When the timetable of a revision was last stopped: answered, replaced or ended; None when it runs (again).
    stopped_at: dict[int, float | None] = field(default_factory=dict)


class Rung(NamedTuple):
    """A call or a message to somebody, whatever came of it."""

    attempt: str
    events: frozenset[str]
    at: datetime


class Watch:
    """`time` gives the world's seconds, `now` the present process's clock. Raises Broken."""

    def __init__(
        self, time: Callable[[], float], vendors: Vendors, policies: Mapping[str, Policy], limits: Limits
    ) -> None:
        self.rows: dict[str, Row] = {}
        self.events: dict[str, Known] = {}
        self.deliveries: dict[str, str] = {}
        self.attempts: dict[str, tuple[str, str]] = {}  # attempt -> (notification, state)
        self.vendor_ids: dict[str, str] = {}
        self.limits = limits
        self.now: Callable[[], datetime] = lambda: _EPOCH
        self._time = time
        self._vendors = vendors
        self.policies = policies
        self._lines: dict[str, str] = {}
        self._taken_at: dict[str, float] = {}
        self.longest_call = 0.0  # how long a line was in use, in seconds
        self._claims: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        self._rung_at: dict[str, list[Rung]] = defaultdict(list)
        self._going_along: dict[str, set[str]] = defaultdict(set)
        self._written: dict[tuple[str, str], list[Rung]] = defaultdict(list)
        self._calls_of: dict[tuple[str, int, str], list[Row]] = defaultdict(list)
        self._answered_at: dict[tuple[str, int, str], float] = {}
        self._handlers = {
            "event new": self._event,
            "event": self._event,
            "row new": self._row_new,
            "row": self._row,
            "row cut": self._row_cut,
            "carried": self._carried,
            "agenda new": self._agenda_new,
            "agenda": self._agenda,
            "attempt new": self._attempt_new,
            "attempt": self._attempt,
            "line": self._line,
            "line free": self._line_free,
            "delivery": self._delivery,
            "reply": self._reply,
        }

    # --- after each commit ------------------------------------------------------------------------------------------

    def commit(self, notes: list[Note]) -> None:
        for note in notes:
            if handler := self._handlers.get(note.what):
                handler(note)
        for note in notes:
            if note.what == "delivery" and note.b == "planned":
                self._planned(note)

    def _event(self, note: Note) -> None:
        event = self.events.setdefault(note.a, Known(note.b, note.c, note.f, note.g, self._time()))
        event.status, event.answer_revision, event.policy = note.b, note.c, note.f
        if note.h and (note.c, note.h) not in event.leaders:
            event.leaders.append((note.c, note.h))
        event.work_until[note.c] = _instant(note.d)
        event.deadline_at[note.c] = _instant(note.e)

    def _row_new(self, note: Note) -> None:
        overtime = bool(mapping(note.h).get("overtime"))
        row = Row(note.a, note.b, note.c, note.d, note.e, note.f, note.g, overtime, note.i, note.j)
        self.rows[row.id] = row
        self.events[note.b].planned = True
        if row.kind == "alert":  # the claim would keep it back, and the mistake with it
            answered = (row.event_pk, row.revision, row.person or "") in self._answered_at
            self._must(not answered, f"planned for somebody who has answered: {row}")
        if row.redial:
            self._redialled(row)
        if row.channel == ChannelName.VOICE and row.kind == "alert":
            self._calls_of[row.event_pk, row.revision, row.person or ""].append(row)

    def _redialled(self, row: Row) -> None:
        """At most so many as the policy says for each person, each after another call, a number twice at most."""
        calls = self._calls_of[row.event_pk, row.revision, row.person or ""]
        # One that was stopped before a vendor took it rang nobody: an event that is reopened may call again.
        same = [r for r in calls if r.redial and (r.created or r.state is not State.SUPERSEDED)]
        self._must(not any(r.follows == row.follows for r in same), f"two re-dials after one call: {row}")
        numbers = [r.address for r in (*same, row) if r.address == self.rows[r.follows or ""].address]
        self._must(len(numbers) == len(set(numbers)), f"a number is re-dialled twice: {row}")
        allowed = self.policies[self.events[row.event_pk].policy].redials
        self._must(len(same) < allowed, f"{len(same) + 1} re-dials of {allowed}: {row}")

    def _row(self, note: Note) -> None:
        before, after, row = State(note.c), State(note.d), self.rows[note.a]
        self._must(before is row.state, f"{row} was thought {row.state}, is {before}")
        self._must(not before.terminal, f"a terminal state changed: {before} -> {after}, {row}")
        self._must(before.may_become(after), f"not in the table of states: {before} -> {after}, {row}")
        row.state = after
        row.claimed = row.claimed or after is State.SENDING
        if row.known_at is None and after is State.SENT:
            row.known_at = self._time()
        if after is State.SUPERSEDED:
            row.stopped_at = row.stopped_at or self._time()

    def _row_cut(self, note: Note) -> None:
        self.rows[note.a].stopped_at = self._time()

    def _carried(self, note: Note) -> None:
        self._going_along[note.c or self.rows[note.a].carried_by or ""].symmetric_difference_update({note.a})
        self.rows[note.a].carried_by = note.c

    def told_by(self, notification: str) -> list[Row]:
        """The rows that a message tells: its own, and those that go along."""
        return [self.rows[n] for n in (notification, *sorted(self._going_along.get(notification, ())))]

    def _agenda_new(self, note: Note) -> None:
        event = self.events[note.b]
        event.planned = True
        if note.c in ("step", "verdict"):
            event.stopped_at[note.d] = None

    def _agenda(self, note: Note) -> None:
        """Only an answer, a newer revision or the end of the event drop what a revision still had before it."""
        if note.e == "superseded" and note.c in ("step", "verdict"):
            self.events[note.b].stopped_at[note.d] = self._time()

    def _attempt_new(self, note: Note) -> None:
        self.attempts[note.a] = (note.b, "sending")
        channel, at = ChannelName(note.c), _instant(note.e)
        if channel is ChannelName.VOICE:
            self._reserve(self.rows[note.b])
            self._rung(note.a, self.rows[note.b], at)
        elif (pauses := self.limits.written.get(channel)) and note.f == 1:
            self._written_to(note.a, self.rows[note.b], at, pauses)
        if self.rows[note.b].kind == "edit":
            self._pace(ALL_EDITS, "", at)
            self._pace(EDITS, note.d, at)
        else:
            self._pace(channel, "" if channel is ChannelName.VOICE else note.d, at)

    def _rung(self, attempt: str, row: Row, at: datetime) -> None:
        """Nobody is rung more often than four times in ten minutes, a fifth time for a critical event they know not."""
        if row.kind != "alert" or row.person is None:
            return
        rung = self._rung_at[row.person]
        lately = [r for r in rung if self._rang(r) and at - TEN_MINUTES < r.at]
        first = row.lane == 0 and not any(row.event_pk in r.events for r in lately)
        self._must(len(lately) < 4 + first, f"rung {len(lately) + 1} times in ten minutes: {row}")
        hour = [r for r in rung if self._rang(r) and at - timedelta(hours=1) < r.at]
        self._must(len(hour) < 10 + 6 * first, f"rung {len(hour) + 1} times in an hour: {row}")
        rung.append(Rung(attempt, frozenset(told.event_pk for told in self.told_by(row.id)), at))

    def _rang(self, rung: "Rung") -> bool:
        return self.attempts[rung.attempt][1] not in ("failed", "absent")

    def _written_to(self, attempt: str, row: Row, at: datetime, pauses: Pauses) -> None:
        """Nobody reads more than so many messages in ten minutes, whatever there is to be told."""
        if row.kind not in ("alert", "update"):
            return
        sent = self._written[row.channel, row.address]
        lately = [one for one in sent if self._rang(one) and at - pauses.per < one.at]
        most = len(pauses.seconds)
        self._must(len(lately) < most, f"written to {len(lately) + 1} times in {pauses.per}: {row}")
        sent.append(Rung(attempt, frozenset({row.event_pk}), at))

    def _attempt(self, note: Note) -> None:
        self.attempts[note.a] = (note.b, note.d)
        row = self.rows[note.b]
        if note.d != "accepted" or row.channel == ChannelName.PAGERDUTY:
            return
        owner = self._vendors.find(note.e).attempt.id
        if row.kind == "edit" and owner != note.a:
            return  # it changed what another had posted
        first = self.vendor_ids.setdefault(note.e, note.a)
        self._must(first == note.a, f"{note.e} stands on two attempts: {first} and {note.a}")
        self._must(owner == note.a, f"{note.e} was taken for attempt {owner}, stands on {note.a}")

    def _line(self, note: Note) -> None:
        self._must(note.a not in self._lines, f"two lines to {note.a}")
        self._taken_at[note.a] = self._time()
        self._lines[note.a] = note.b
        self._must(len(self._lines) <= self.limits.lines, f"{len(self._lines)} lines of {self.limits.lines} in use")

    def _reserve(self, row: Row) -> None:
        """The line of this call was not one of those that are kept from it."""
        used, lines = len(self._lines), self.limits.lines
        kept = lines // 5 if lines >= 10 and (row.lane > 0 or row.redial) else 0
        self._must(used <= lines - kept, f"{used} of {lines} lines in use, {kept} are kept from {row}")

    def _line_free(self, note: Note) -> None:
        self._lines.pop(note.a)
        held = self._time() - self._taken_at.pop(note.a)
        self.longest_call = max(self.longest_call, held)

    def _reply(self, note: Note) -> None:
        if note.c is not None:
            self._answered_at.setdefault((note.a, note.b, note.c), self._time())

    def _delivery(self, note: Note) -> None:
        self._must(note.a not in self.deliveries, f"delivery {note.a} was decided twice")
        self._must(bool(note.d), f"delivery {note.a} has no reason")
        self.deliveries[note.a] = note.b

    def _planned(self, note: Note) -> None:
        event = self.events[note.c]
        named = event.status == "tombstone" or note.e is None
        self._must(
            event.planned or bool(event.leaders) or named, f"delivery {note.a} was accepted and has no plan: {note.d}"
        )

    # --- rates ------------------------------------------------------------------------------------------------------

    def new_process(self, now: Callable[[], datetime]) -> None:
        """Rates are kept in memory today: each process counts anew."""
        self.now = now
        self._claims.clear()

    def _pace(self, channel: str, key: str, at: datetime) -> None:
        rate, burst = {
            ChannelName.VOICE: (self.limits.calls_per_second, 1),
            ChannelName.SLACK_DM: (self.limits.slack_per_second, self.limits.slack_burst),
            ChannelName.SLACK_CHANNEL: (self.limits.slack_per_second, self.limits.slack_burst),
            ChannelName.PAGERDUTY: (self.limits.pagerduty_per_second, self.limits.pagerduty_burst),
            EDITS: (1 / EDIT_EVERY_SECONDS, 1),
            ALL_EDITS: (EDITS_A_MINUTE / 60, 1),
        }.get(channel, (0.0, 0))
        if not burst:
            return
        claims = self._claims[channel, key]
        claims.append(at)
        if len(claims) > burst:
            window = at - claims[-burst - 1]
            self._must(
                window >= timedelta(seconds=1 / rate) - timedelta(milliseconds=1),
                f"{burst + 1} of {channel} {key} within {window}",
            )

    # --- as a vendor is asked, and takes ----------------------------------------------------------------------------

    def asked(self, send: Send) -> None:
        """A create begins."""
        row = self.rows[send.attempt.notification_id]
        for told in self.told_by(row.id):
            self._not_stopped(told, self.events[told.event_pk])
            if told.kind == "alert" and told.person:
                self._fresh(self._answered_at.get((told.event_pk, told.revision, told.person)), told)
            if told.channel == ChannelName.VOICE and told.kind == "alert" and not told.overtime:
                self._can_finish(told, self.events[told.event_pk])
            if told.redial:
                self._soon_enough(told, self.events[told.event_pk])
        self._must(self._names_what_it_tells(send.attempt), f"a call does not name what it tells: {row}")

    def _names_what_it_tells(self, attempt: Attempt) -> bool:
        """To one person, each event once: a key is about all of them."""
        rows = self.told_by(attempt.notification_id)
        if attempt.channel is not ChannelName.VOICE:
            return True
        alone = len({r.person for r in rows}) == 1 and len({r.event_pk for r in rows}) == len(rows)
        return alone and {r.id for r in rows} == set(attempt.named)

    def _soon_enough(self, row: Row, event: Known) -> None:
        """The same number rings again within the policy's time, and only when the call before is over."""
        before = self.rows[row.follows or ""]
        self._must(before.state.terminal, f"called again while it still rings: {row}")
        if before.address == row.address and before.known_at is not None:
            since, within = self._time() - before.known_at, self.policies[event.policy].redial_within_seconds
            self._must(since <= within + CLOCKS_APART, f"called again after {since:.1f} s: {row}")

    def _not_stopped(self, row: Row, event: Known) -> None:
        self._fresh(row.stopped_at, row)
        if row.kind in ("alert", "update") and row.person:
            self._fresh(event.stopped_at.get(row.revision), row)

    def _fresh(self, stopped_at: float | None, row: Row) -> None:
        if stopped_at is not None:
            late = self._time() - stopped_at
            self._must(late <= STOP_SECONDS, f"asked {late:.3f} s after it was stopped: {row}")

    def _can_finish(self, row: Row, event: Known) -> None:
        policy = self.policies[event.policy]
        seconds = policy.ring_seconds + policy.call_seconds + policy.dial_margin_seconds
        ends_at = self.now() + timedelta(seconds=seconds)
        until = event.work_until[row.revision]
        self._must(ends_at <= until + timedelta(milliseconds=250), f"started, ends {ends_at} after {until}: {row}")

    def accepted(self, record: Record) -> None:
        """A vendor took something."""
        row = self.rows[record.attempt.notification_id]
        part = record.attempt.part
        row.created[part] = row.created.get(part, 0) + 1
        if row.channel != ChannelName.PAGERDUTY:
            self._must(row.created[part] == 1, f"told twice: part {part} of {row}")
        if row.channel == ChannelName.VOICE:
            calls = list(self._vendors.in_the_air())
            self._must(len(calls) <= self.limits.lines, f"{len(calls)} calls on {self.limits.lines} lines")
            numbers = [c.attempt.address for c in calls]
            self._must(len(numbers) == len(set(numbers)), f"a number is called twice at once: {sorted(numbers)}")

    def _must(self, holds: bool, said: str) -> None:
        if not holds:
            raise Broken(said)


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
