"""From a row that is due to what is claimed and sent: its words, its attempts, its code, its turn. No waiting here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from model.attempt import Attempt, AttemptState, Words
from model.event import Event
from model.ids import CODE_LETTERS, Ids
from model.plan import ChannelName, Kind, Notification
from model.ports import Send
from model.roster import Roster
from notifiers.context import House, context
from notifiers.limits import Limits, Pace
from notifiers.wording import render
from store import lines
from store.cuts import Cut
from store.outbox import Call, Claim, Due
from store.paces import Turn
from store.replies import Code, Codes


@dataclass(frozen=True, slots=True)
class Batch:
    """What one look found: rows to send, with all that their words need."""

    due: Sequence[Due] = ()
    events: Mapping[str, Event] = field(default_factory=dict)
    earlier: Mapping[str, list[Attempt]] = field(default_factory=dict)
    codes: Mapping[str, Codes] = field(default_factory=dict)
    threads: Mapping[str, str | None] = field(default_factory=dict)
    traces: Mapping[str, str] = field(default_factory=dict)
    cuts: Sequence[Cut] = ()
    impossible: Sequence[Notification] = ()
    out_of_lines: bool = False
    calls_wait: bool = False  # for a line, or for their pace
    more: bool = False
    next_at: datetime | None = None
    canaries: Sequence[str] = ()  # of our own, by their ids: their channel is none


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed row on its way: what is left to send of it."""

    row: Notification
    tries: int
    sends: Sequence[Send]
    claim: Claim
    trace: str


class Jobs:
    """Makes jobs of rows that are due."""

    def __init__(self, ids: Ids, limits: Limits, paces: Mapping[ChannelName, Pace], house: House) -> None:
        self._ids = ids
        self._limits = limits
        self._paces = paces
        self._house = house

    def job(self, due: Due, batch: Batch, roster: Roster, now: datetime) -> Job:
        row, event = due.notification, batch.events[due.notification.event_pk]
        codes = batch.codes.get(row.address, Codes([], set()))
        known = [c for c in codes.open if (c.event_pk, c.revision) == (event.pk, row.revision)]
        code = known[0] if known else self._new_code(row, batch)
        accepted = {a.part for a in batch.earlier.get(row.id, []) if a.state is AttemptState.ACCEPTED}
        words = self._words(row, event, roster, code, now)
        tries = [self._attempt(row, part, len(words), text, now) for part, text in words if part not in accepted]
        is_call = row.channel is ChannelName.VOICE
        policy = roster.policy_of(event)
        seconds = policy.ring_seconds + policy.call_seconds
        return Job(
            row=row,
            tries=due.tries,
            sends=[
                Send(
                    attempt=attempt,
                    valid_seconds=(row.until - now).total_seconds(),
                    ring_seconds=policy.ring_seconds,
                    thread=batch.threads.get(row.id),
                    details=row.details,
                )
                for attempt in tries
            ],
            claim=Claim(
                notification=row,
                attempts=tries,
                code=code if code and not known else None,
                call=Call(
                    until=now + timedelta(seconds=seconds) + lines.SLACK,
                    lines=self._limits.lines,
                    per_second=self._limits.calls_per_second,
                    numbers=self._phones_of(row, roster),
                    limits=self._limits.calls_a_person,
                )
                if is_call
                else None,
                turn=self._turn_of(row),
            ),
            trace=batch.traces.get(row.id, ""),
        )

    def _phones_of(self, row: Notification, roster: Roster) -> tuple[str, ...]:
        person = roster.people.get(row.person or "")
        known = person.addresses(ChannelName.VOICE) if person else ()
        return tuple(dict.fromkeys((row.address, *known)))

    def _turn_of(self, row: Notification) -> Turn | None:
        """What this process allows itself, others may have used: the database knows (calls: see Call)."""
        pace = self._paces.get(row.channel)
        if pace is None or row.channel is ChannelName.VOICE:
            return None
        return Turn(f"{row.channel}/{row.address}", pace.per_second, pace.burst)

    def _words(
        self, row: Notification, event: Event, roster: Roster, code: Code | None, now: datetime
    ) -> list[tuple[int, Words]]:
        person = roster.people.get(row.person) if row.person else None
        said = render(row, event, person, context(row, event, roster, self._house, code.code if code else None), now)
        return list(enumerate(said, start=1))

    def _attempt(self, row: Notification, part: int, parts: int, words: Words, now: datetime) -> Attempt:
        return Attempt(
            id=self._ids.new(),
            notification_id=row.id,
            event_pk=row.event_pk,
            channel=row.channel,
            address=row.address,
            words=words,
            started_at=now,
            part=part,
            parts=parts,
        )

    def _new_code(self, row: Notification, batch: Batch) -> Code | None:
        """A code for a text that asks for an answer: one letter, more when those of the number are used up."""
        if row.channel is not ChannelName.SMS or row.kind is not Kind.ALERT or row.person is None:
            return None
        taken = batch.codes[row.address].taken
        letters = next(n for n in (1, 2, 3) if sum(len(code) == n for code in taken) < len(CODE_LETTERS) ** n)
        code = self._ids.code(letters)
        while code in taken:
            code = self._ids.code(letters)
        taken.add(code)  # a text to the same number in this very batch takes another one
        return Code(row.address, code, row.event_pk, row.revision, row.person)
