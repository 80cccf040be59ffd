"""The statements of the hot loops: what router, notifiers, monitor and live feed ask the database again and again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, event

from model.attempt import Attempt, AttemptState, Sent, Words
from model.ids import SystemIds
from model.plan import AgendaState, ChannelName, Notification, State
from store import (
    accepted,
    attempts,
    bundles,
    call_lengths,
    claims,
    cuts,
    deliveries,
    events,
    figures,
    leases,
    lines,
    outbox,
    outcomes,
    paces,
    pick_ups,
    plans,
    portable,
    posts,
    replies,
    seal,
    timeline,
)
from store.accepted import Accepted
from store.claims import Call, Claim
from store.outbox import Share

IDS = SystemIds()
Operation = Callable[[Connection], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One of each, as the loops have them in hand."""

    now: datetime
    call: Notification
    attempt_id: str
    event_pk: str
    source: str
    event_id: str
    delivery_id: str
    agenda_id: str
    timeline_n: int


def operations(s: Sample) -> dict[str, Operation]:
    """By what the documents call them."""
    soon, one, waits = s.now + timedelta(minutes=3), s.call, Waiting(s)
    return {
        "due rows": lambda c: outbox.due(c, dict.fromkeys(ChannelName, 50), s.now, Share(1, 2)),
        "next due": lambda c: outbox.next_due_at(c, s.now),
        "take in hand": lambda c: portable.lock_pending(c, [one.id]),
        "claim": lambda c: claims.claim(c, IDS, [waits.claim(soon)], "bench", s.now),
        "calls without a line": lambda c: outbox.hold_for_lines(c, IDS, s.now),
        "calls to end": cuts.to_cut,
        "what a call to end tells": lambda c: c.execute(cuts._TOLD, {"ids": [one.id]}),
        "goes along": lambda c: bundles.companions(c, one, s.now, 100),
        "rings of a person": lambda c: attempts.rings(c, [one.address], s.now),
        "lines in use": lines.in_use,
        "lines in the air": lambda c: lines.in_the_air(c, s.now),
        "calls that wait": lambda c: lines.waiting(c, soon, but=s.event_pk, at_most=100),
        "calls to come": lambda c: lines.to_come(c, soon, but=s.event_pk, at_most=100),
        "lengths of calls": lambda c: call_lengths.of_late(c, s.now),
        "lines overdue": lambda c: lines.overdue(c, s.now),
        "free a line": lambda c: c.execute(lines._GO_ON, {"number": one.address, "now": s.now}),
        "pace": lambda c: paces.next_at(c, "voice", s.now),
        "result of a try": lambda c: attempts.record(c, s.attempt_id, AttemptState.ACCEPTED, s.now, vendor_id="CA1"),
        "results": lambda c: accepted.write(c, IDS, [waits.whole(), waits.in_part()]),
        "move a row": lambda c: plans.move(c, one.id, State.SENT, s.now),
        "tries of a row": lambda c: attempts.of_notification(c, one.id),
        "one try": lambda c: attempts.one(c, s.attempt_id),
        "look-ups due": lambda c: c.execute(outcomes._TO_LOOK_UP, {"now": s.now}),
        "next look-up": outcomes.next_look_at,
        "who picked up": lambda c: attempts.told_who_picked_up(c, s.attempt_id),
        "pick-ups due": lambda c: pick_ups.due(c, s.now),
        "edits of a message": lambda c: c.execute(posts._EDITS, {"event_pks": [s.event_pk], "told": [one.id]}),
        "known at the vendor": lambda c: attempts.known_vendor_ids(c, ChannelName.VOICE, one.address, s.now),
        "left behind": lambda c: outcomes.adopt(c, IDS, s.now),
        "lease": lambda c: leases.hold_process(c, "bench", s.now, soon),
        "due agenda": lambda c: plans.due_agenda(c, s.now),
        "next agenda": plans.next_agenda_at,
        "finish agenda": lambda c: plans.finish_agenda(c, [s.agenda_id], AgendaState.DONE, s.now),
        "ask to revise": lambda c: plans.ask_revise(c, IDS, s.event_pk, 0, "bench", s.now, urgent=False),
        "placing: known deliveries": lambda c: deliveries.known(c, (s.delivery_id,)),
        "placing: the key": lambda c: events.lock_key(c, s.source, s.event_id),
        "placing: the event": lambda c: events.find(c, s.source, s.event_id, lock=True),
        "lock a timetable": lambda c: plans.lock(c, s.event_pk),
        "timetable": lambda c: plans.of_event(c, s.event_pk),
        "agenda of an event": lambda c: plans.agenda_of_event(c, s.event_pk),
        "tries of an event": lambda c: attempts.of_event(c, s.event_pk),
        "answers of an event": lambda c: replies.of_event(c, s.event_pk),
        "codes of numbers": lambda c: replies.codes_of(c, [one.address], s.now),
        "open codes": lambda c: replies.open_codes(c, one.address, s.now),
        "codes just closed": lambda c: replies.just_closed(c, one.address, s.now),
        "codes to close": lambda c: replies.close_old_codes(c, s.now),
        "timeline since": lambda c: timeline.since(c, s.timeline_n),
        "timeline numbers": lambda c: timeline.numbers(c, s.timeline_n),
        "timeline's end": timeline.last_n,
        "timeline of an event": lambda c: timeline.of_event(c, s.event_pk),
        "unsealed": lambda c: c.execute(seal._UNSEALED),
        "heads of chains": lambda c: c.execute(seal._HEADS, {"event_pks": [s.event_pk]}),
        "seal": seal.seal,
        "metrics: lag": lambda c: figures.lags(c, s.now),
        "metrics: open events": figures.open_events,
    }


@dataclass(frozen=True, slots=True)
class Waiting:
    sample: Sample

    def claim(self, until: datetime) -> Claim:
        call = Call(until=until, lines=1_000_000, per_second=1000)
        return Claim(notification=self.sample.call, attempts=[self._attempt()], call=call)

    def whole(self) -> Accepted:
        """Of a text: what follows a call is not looked for."""
        row = replace(self.sample.call, channel=ChannelName.SMS)
        return Accepted(row, self._attempt(), Sent(vendor_id="SM1"), self.sample.now)

    def in_part(self) -> Accepted:
        return Accepted(self.sample.call, self._attempt(parts=2), Sent(vendor_id="SM1"), self.sample.now)

    def _attempt(self, parts: int = 1) -> Attempt:
        row = self.sample.call
        words = Words(text="cut 12.5 MW", template="bench")
        return replace(Attempt.of(row, IDS.new(), words, self.sample.now), parts=parts)


@dataclass(frozen=True, slots=True)
class Statement:
    """As the driver gets it. Of many rows at once the first."""

    text: str
    parameters: Any


def statements(conn: Connection, operation: Operation) -> Iterator[Statement]:
    """What the operation asks for, each text once; plain inserts, locks by name and signals are left out."""
    found: dict[str, Statement] = {}

    def note(_c: Any, _cursor: Any, text: str, parameters: Any, _x: Any, many: bool) -> None:
        if not text.startswith(("SAVEPOINT", "ROLLBACK", "RELEASE")) and "pg_" not in text:
            found.setdefault(text, Statement(text, parameters[0] if many else parameters))

    event.listen(conn, "before_cursor_execute", note)
    try:
        undone(conn, partial(operation, conn))
    finally:
        event.remove(conn, "before_cursor_execute", note)
    return (s for s in found.values() if not s.text.startswith("INSERT") or "ON CONFLICT" in s.text)


def undone(conn: Connection, work: Callable[[], Any]) -> Any:
    """What `work` returns; what it wrote is taken back."""
    point = conn.begin_nested()
    try:
        return work()
    finally:
        point.rollback()
