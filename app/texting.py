"""What an inbound text leads to, and what is texted back."""

from dataclasses import dataclass

from app.service import Service
from model.errors import Refused
from model.event import Event, EventStatus
from model.plan import ChannelName
from model.reply import Answer
from model.roster import Person
from notifiers.reply_codes import ParsedReply, parse_reply
from notifiers.wording.answers import WrittenAnswer, written
from notifiers.wording.facts import reference
from routing.replies import take_reply
from store import events, replies
from store.database import Connection
from store.replies import Code


@dataclass(frozen=True, slots=True)
class Meant:
    """The open codes a text speaks about; none when that is not clear."""

    codes: tuple[Code, ...]
    open_codes: tuple[Code, ...]


async def answer_text(service: Service, number: str, body: str) -> str:
    """Take a text as the answer it is. Returns what to text back, "" for nothing."""
    person = service.rosters.roster.person_at(ChannelName.SMS, number)
    if person is None:
        return ""
    parsed = parse_reply(body)
    if parsed.keyword == "help":
        return written(WrittenAnswer.HELP)
    if parsed.keyword == "stop":
        return ""  # Twilio stops its texts by itself and says so
    meant = await service.database.read(lambda conn: _meant(conn, number, parsed))
    if parsed.answer is None or not meant.codes:
        return written(WrittenAnswer.UNCLEAR, detail=_choices(meant.open_codes))
    return " ".join([await _take(service, person, parsed.answer, code, body) for code in meant.codes])


def _meant(conn: Connection, number: str, parsed: ParsedReply) -> Meant:
    """A bare 1 counts only when one code is open; `1*` means all of them."""
    known = tuple(replies.open_codes(conn, number))
    if parsed.code is not None:
        return Meant(tuple(c for c in known if c.code == parsed.code), known)
    return Meant(known if parsed.all or len(known) == 1 else (), known)


def _choices(codes: tuple[Code, ...]) -> str:
    if not codes:
        return "Nothing is open for you."
    listed = ", ".join(f"1{c.code} or 2{c.code}" for c in codes[:8])
    return f"Reply with a code: {listed}."


async def _take(service: Service, person: Person, answer: Answer, code: Code, said: str) -> str:
    now = service.clock.now()

    def work(conn: Connection) -> tuple[Event, bool]:
        answered = take_reply(
            conn,
            service.ids,
            code.event_pk,
            person=person.id,
            answer=answer,
            channel="sms",
            now=now,
            revision=code.revision,
            said=said[:100],
        )
        return answered.event, answered.counted

    try:
        event, counted = await service.database.transact(work)
    except Refused as why:
        event = (await service.database.read(lambda conn: events.load(conn, [code.event_pk])))[code.event_pk]
        return written(WrittenAnswer.OVER, _named(event, code.revision), str(why))
    named = _named(event, code.revision)
    if not counted:
        over = "it was cancelled." if event.status is EventStatus.CANCELLED else "it is over."
        return written(WrittenAnswer.OVER, named, over)
    return written(WrittenAnswer.ACCEPTED if answer is Answer.ACKNOWLEDGE else WrittenAnswer.CANNOT, named)


def _named(event: Event, revision: int) -> str:
    who = " ".join(part for part in (event.content.issuer, event.content.program) if part)
    return f"{who} Ref {reference(event.event_id)} r{revision}".strip()
