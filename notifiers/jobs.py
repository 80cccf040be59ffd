"""From a row that is due to what is claimed and sent: its words, its attempts, its code, its turn. No waiting here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from model.attempt import Attempt, AttemptState, Words
from model.event import Event
from model.ids import CODE_LETTERS, Ids
from model.limits import COUNTED
from model.plan import ChannelName, Kind, Notification
from model.ports import Edit, Send
from model.roster import Policy, Roster
from notifiers.context import House, context
from notifiers.limits import Limits, Pace, account
from notifiers.wording import Named, render, render_together
from store import lines
from store.claims import Call, Claim
from store.cuts import Cut
from store.outbox import Due, urgency
from store.paces import Turn
from store.replies import Code, Codes


@dataclass(frozen=True, slots=True)
class Batch:
    """What one look found: rows to send, with all that their words need. `together`: what is told with a row.

    `alike`: how many go with an event, by its key. `behind`: where more is due than is in it, None without a look;
    `unseen`: where there was no room to look for.
    """

    due: Sequence[Due] = ()
    events: Mapping[str, Event] = field(default_factory=dict)
    earlier: Mapping[str, list[Attempt]] = field(default_factory=dict)
    codes: Mapping[str, Codes] = field(default_factory=dict)
    threads: Mapping[str, str | None] = field(default_factory=dict)
    posted: Mapping[str, str | None] = field(default_factory=dict)  # what an edit edits
    traces: Mapping[str, str] = field(default_factory=dict)
    cuts: Sequence[Cut] = ()
    impossible: Sequence[Notification] = ()
    out_of_lines: bool = False
    calls_wait: bool = False  # for a line, or for their pace
    more: bool = False
    behind: Collection[ChannelName] | None = None
    unseen: Collection[ChannelName] = ()
    next_at: datetime | None = None
    canaries: Sequence[str] = ()  # of our own, by their ids: their channel is none
    together: Mapping[str, Sequence[Notification]] = field(default_factory=dict)
    alike: Mapping[str, int] = field(default_factory=dict)


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

    def __init__(self, ids: Ids, limits: Limits, paces: Mapping[str, Pace], house: House) -> None:
        self._ids = ids
        self._limits = limits
        self._paces = paces
        self._house = house

    def job(self, due: Due, batch: Batch, roster: Roster, now: datetime) -> Job:
        row, event = due.notification, batch.events[due.notification.event_pk]
        others = batch.together.get(row.id, ())
        codes = {one.id: self._code(one, batch) for one in (row, *others)}
        accepted = {a.part for a in batch.earlier.get(row.id, []) if a.state is AttemptState.ACCEPTED}
        words = self._words_for_all(row, others, batch, roster, codes, now)
        tries = [
            self._attempt(row, part, len(words), text, now, bundle=bool(others))
            for part, text in words
            if part not in accepted
        ]
        policy = roster.policy_of(event)
        return Job(
            row=row,
            tries=due.tries,
            sends=[
                Send(
                    attempt=attempt,
                    valid_seconds=(row.until - now).total_seconds(),
                    ring_seconds=policy.ring_seconds,
                    thread=batch.threads.get(row.id),
                    edit=_edit(row, batch),
                    details=row.details,
                )
                for attempt in tries
            ],
            claim=Claim(
                notification=row,
                attempts=tries,
                carried=others,
                codes=[code for code in codes.values() if code and code not in batch.codes[code.number].open],
                call=self._call(row, policy, roster, now) if row.channel is ChannelName.VOICE else None,
                turn=self._turn_of(row),
                pauses=self._limits.written.get(row.channel) if row.kind in COUNTED and not accepted else None,
            ),
            trace=batch.traces.get(row.id, ""),
        )

    def _call(self, row: Notification, policy: Policy, roster: Roster, now: datetime) -> Call:
        seconds = policy.ring_seconds + policy.call_seconds
        return Call(
            until=now + timedelta(seconds=seconds) + lines.SLACK,
            lines=self._limits.lines,
            per_second=self._limits.calls_per_second,
            numbers=self._phones_of(row, roster),
            limits=self._limits.calls_a_person,
        )

    def _phones_of(self, row: Notification, roster: Roster) -> tuple[str, ...]:
        person = roster.people.get(row.person or "")
        known = person.addresses(ChannelName.VOICE) if person else ()
        return tuple(dict.fromkeys((row.address, *known)))

    def _turn_of(self, row: Notification) -> Turn | None:
        """What this process allows itself, others may have used: the database knows (calls: see Call)."""
        name, key = account(row)
        pace = self._paces.get(name)
        if pace is None or row.channel is ChannelName.VOICE:
            return None
        return Turn(f"{name}/{key}", pace.per_second, pace.burst)

    def _words_for_all(
        self,
        row: Notification,
        others: Sequence[Notification],
        batch: Batch,
        roster: Roster,
        codes: Mapping[str, Code | None],
        now: datetime,
    ) -> list[tuple[int, Words]]:
        """By part. Of several events as many are named as were looked up."""
        person = roster.people.get(row.person) if row.person else None
        told = [self._told(one, batch, roster, codes[one.id]) for one in (row, *others) if one.event_pk in batch.events]
        first = told[0]
        if others:
            told.sort(key=lambda one: urgency(Due(one.row, 0)))
            said = render_together(told, len(others) + 1, person, first.context.page, now)
        else:
            said = render(row, first.event, person, first.context, now)
        return list(enumerate(said, start=1))

    def _told(self, row: Notification, batch: Batch, roster: Roster, code: Code | None) -> Named:
        event = batch.events[row.event_pk]
        letters, alike = code.code if code else None, batch.alike.get(event.pk, 0)
        return Named(row, event, context(row, event, roster, self._house, letters, alike))

    def _attempt(
        self, row: Notification, part: int, parts: int, words: Words, now: datetime, *, bundle: bool
    ) -> Attempt:
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
            bundle=bundle,
        )

    def _code(self, row: Notification, batch: Batch) -> Code | None:
        """That of an earlier text about the same, or a new one."""
        codes = batch.codes.get(row.address, Codes([], set()))
        known = [c for c in codes.open if (c.event_pk, c.revision) == (row.event_pk, row.revision)]
        return known[0] if known else self._new_code(row, batch)

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


def _edit(row: Notification, batch: Batch) -> Edit | None:
    return Edit(batch.posted.get(row.id), bool(row.details.get("anew"))) if row.kind is Kind.EDIT else None
