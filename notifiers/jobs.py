"""From a row that is due to what is claimed and sent: its words, its attempts, its code, its turn. No waiting here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from model.attempt import Attempt, AttemptState, Words
from model.event import Event
from model.ids import CODE_LETTERS, Ids
from model.limits import COUNTED
from model.plan import WAYS, ChannelName, Form, Kind, Notification
from model.ports import Edit, Send
from model.roster import Person, Policy, Roster
from notifiers.context import House, context
from notifiers.limits import Limits, Paces
from notifiers.wording import Named, render, render_edited, render_together
from store import lines
from store.claims import Call, Claim
from store.cuts import Cut
from store.outbox import Due, urgency
from store.paces import Turn
from store.posts import Post
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
    posted: Mapping[str, Post | None] = field(default_factory=dict)  # what an edit edits
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
    gathering: Sequence[tuple[Notification, datetime]] = ()  # re-dials that wait until then, to be told with others


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

    def __init__(self, ids: Ids, limits: Limits, paces: Paces, house: House) -> None:
        self._ids = ids
        self._limits = limits
        self._paces = paces
        self._house = house

    def job(self, due: Due, batch: Batch, roster: Roster, now: datetime) -> Job:
        row, event = due.notification, batch.events[due.notification.event_pk]
        others = [one for one in batch.together.get(row.id, ()) if one.until >= now]
        begun = _in_part(batch.earlier.get(row.id, ()))
        codes = {} if begun else {one.id: self._code(one, batch) for one in (row, *others)}
        words = begun or self._words_for_all(row, others, batch, roster, codes, now)
        if row.kind is not Kind.EDIT and WAYS[row.channel].form is not Form.TEXT:
            others = _named(words, others)
        tries = [
            Attempt.of(row, self._ids.new(), text, now, part=part, parts=words[-1][0], bundle=bool(others))
            for part, text in words
        ]
        policy = roster.policy_of(event)
        return Job(
            row=row,
            tries=due.tries,
            sends=[
                Send(
                    attempt=attempt,
                    valid_seconds=(row.until - now).total_seconds(),
                    ring_seconds=self._ring_seconds(row, others, batch, roster),
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
                turns=self._turns_of(row),
                pauses=self._limits.written.get(row.channel) if row.kind in COUNTED and not begun else None,
            ),
            trace=batch.traces.get(row.id, ""),
        )

    def _ring_seconds(self, row: Notification, others: Sequence[Notification], batch: Batch, roster: Roster) -> int:
        """A call is over in time for each event that it tells."""
        if row.channel is not ChannelName.VOICE:
            others = ()
        return min(roster.policy_of(batch.events[one.event_pk]).ring_seconds for one in (row, *others))

    def _call(self, row: Notification, policy: Policy, roster: Roster, now: datetime) -> Call:
        return Call(
            until=now + policy.holds + lines.SLACK,
            lines=self._limits.lines,
            per_second=self._limits.calls_per_second,
            numbers=self._phones_of(row, roster),
            limits=self._limits.calls_a_person,
        )

    def _phones_of(self, row: Notification, roster: Roster) -> tuple[str, ...]:
        person = roster.people.get(row.person or "")
        known = person.addresses(ChannelName.VOICE) if person else ()
        return tuple(dict.fromkeys((row.address, *known)))

    def _turns_of(self, row: Notification) -> list[Turn]:
        """What this process allows itself, others may have used: the database knows (calls: see Call)."""
        if row.channel is ChannelName.VOICE:
            return []
        return [Turn(f"{name}/{key}", pace.per_second, pace.burst) for name, key, pace in self._paces.of(row)]

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
        if (post := _bundle(row, batch)) is not None:
            return [(1, self._edited(post, batch, roster, person, now))]
        told = [self._told(one, batch, roster, codes[one.id]) for one in (row, *others) if one.event_pk in batch.events]
        first = told[0]
        said: Sequence[Words] = ()
        if others and row.kind is not Kind.EDIT:
            in_order = sorted(told, key=lambda one: urgency(Due(one.row, 0)))
            if WAYS[row.channel].form is not Form.TEXT:  # whatever is left out, whose turn it is is not
                in_order = [first, *(one for one in in_order if one is not first)]
            said = render_together(in_order, len(others) + 1, person, first.context.page, now)
        return list(enumerate(said or render(row, first.event, person, first.context, now), start=1))

    def _edited(self, post: Post, batch: Batch, roster: Roster, person: Person | None, now: datetime) -> Words:
        """All that the message tells, in the order in which it was told first, with what is over marked."""
        told = [post.told[0], *sorted(post.told[1:], key=lambda row: urgency(Due(row, 0)))]
        rows = [post.edits.get(row.id, row) for row in told if row.event_pk in batch.events]
        return render_edited([self._told(row, batch, roster, None) for row in rows], post.attempt_id, person, now)

    def _told(self, row: Notification, batch: Batch, roster: Roster, code: Code | None) -> Named:
        event = batch.events[row.event_pk]
        letters, alike = code.code if code else None, batch.alike.get(event.pk, 0)
        return Named(row, event, context(row, event, roster, self._house, letters, alike))

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


def _named(words: Sequence[tuple[int, Words]], others: Sequence[Notification]) -> list[Notification]:
    """Those that a call or a post speaks of; the rest wait for another one."""
    payload = words[0][1].payload
    told = payload.get("told") or payload.get("lists", ())
    return [one for one in others if one.id in told]


def _in_part(earlier: Sequence[Attempt]) -> list[tuple[int, Words]]:
    """What is left of a message that the vendor has in part, in the words of that message: made anew, a part may end
    elsewhere, or there are fewer."""
    taken = [attempt for attempt in earlier if attempt.state is AttemptState.ACCEPTED]
    if not taken:
        return []
    of_it = {attempt.part: attempt for attempt in earlier if attempt.started_at >= taken[0].started_at}
    return [(part, of_it[part].words) for part in sorted(of_it.keys() - {attempt.part for attempt in taken})]


def _edit(row: Notification, batch: Batch) -> Edit | None:
    if row.kind is not Kind.EDIT:
        return None
    post, anew = batch.posted.get(row.id), _anew(row)
    stands = post is not None and not (anew and post.bundle)
    return Edit(post.vendor_id if post and stands else None, anew)


def _bundle(row: Notification, batch: Batch) -> Post | None:
    """The message that tells other events too, of which the line of this one is to be changed."""
    post = batch.posted.get(row.id)
    return post if post and post.bundle and not _anew(row) else None


def _anew(row: Notification) -> bool:
    """It is posted where it cannot be edited; alone, so that what else a bundle tells is not told again."""
    return bool(row.details.get("anew"))
