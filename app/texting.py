"""What an inbound text leads to, and what is texted back."""

from collections.abc import Sequence

import structlog

from app.answering import within_a_second
from app.masking import masked
from app.service import Service
from model.errors import Refused
from model.event import Event, EventStatus
from model.plan import ChannelName
from model.reply import Answer, Heard
from notifiers.reply_codes import parse_reply
from notifiers.wording.answers import WrittenAnswer, not_counted, order_named, written
from routing.heard import codes_meant, take_code
from routing.replies import replaced
from store import events, paces, replies
from store.database import Connection
from store.paces import Turn
from store.replies import Code

log = structlog.get_logger(__name__)

SAID_ONE_BY_ONE = 4

# What is said to a text that counts nothing: to one that is no answer, to the same of who has a code to answer with,
# to an answer that names nothing open. So many at once and so many an hour: an auto-reply at the other end would chat
# for ever.
NO_ANSWER, NO_ANSWER_YET, NOTHING_OPEN = (1, 1), (3, 3), (5, 10)


async def answer_text(service: Service, number: str, body: str, name: str | None = None) -> str:
    """Take a text as the answer it is. Returns what to text back, "" for nothing. `name`: of the answer, a UUID."""
    person = service.rosters.roster.person_texting(number)
    if person is None:
        return ""
    parsed = parse_reply(body)
    if parsed.keyword == "help":
        return written(WrittenAnswer.HELP)
    if parsed.keyword == "stop":
        return ""  # Twilio stops its texts by itself and says so
    if number not in (texted := person.addresses(ChannelName.SMS)):  # they write from the phone that was called
        if not texted:
            return await _helped(service, number, written(WrittenAnswer.NO_CODES), NO_ANSWER)
        number = texted[0]  # their codes are its
    heard = None
    if parsed.answer is not None:
        heard = Heard(
            id=name or service.ids.new(),
            channel="sms",
            answer=parsed.answer,
            received_at=service.clock.now(),
            person=person.id,
            said=body[:100],
            number=number,
            code=parsed.code,
            all_codes=parsed.all,
        )
    answer = await within_a_second(service, heard, lambda: _answered(service, number, heard))
    if answer is None:
        return _received(heard) if heard else ""
    return answer


def _received(heard: Heard) -> str:
    """Of a bare 1 nobody knows yet whether it is clear what it is about."""
    clear = heard.code is not None or heard.all_codes
    return written(WrittenAnswer.RECEIVED, detail="" if clear else "If you are, reply with the code, e.g. 1A.")


async def _answered(service: Service, number: str, heard: Heard | None) -> str:
    at = heard.received_at if heard else service.clock.now()

    def look(conn: Connection) -> tuple[Sequence[Code], Sequence[Code], str]:
        known = replies.open_codes(conn, number, at)
        meant = codes_meant(conn, heard, known) if heard else ()
        return known, meant, _too_late(conn, heard, known) if heard and not meant else ""

    known, meant, too_late = await service.database.read(look)
    if heard is None:
        return await _helped(service, number, _unclear(known), NO_ANSWER_YET if known else NO_ANSWER)
    if not meant:
        return await _helped(service, number, too_late or _unclear(known), NOTHING_OPEN)
    took = [await _take(service, heard, code) for code in meant]
    if len(took) <= SAID_ONE_BY_ONE:
        return " ".join(said for _, said in took)
    counted = sum(counts for counts, _ in took)
    others = f"The other {len(took) - counted} were over or changed." if counted < len(took) else ""
    return written(WrittenAnswer.ALL, str(counted), others)


def _too_late(conn: Connection, heard: Heard, known: Sequence[Code]) -> str:
    """What has become of what it is about: of the code it names, or of the last one where nothing is open."""
    if heard.code is None and known:
        return ""
    closed = replies.closed_lately(conn, heard.number or "", heard.received_at)
    meant = next((code for code in closed if heard.code in (None, code.code)), None)
    if meant is None:
        return ""
    event = events.load(conn, [meant.event_pk])[meant.event_pk]
    if event.status is EventStatus.OPEN and meant.revision >= event.answer_revision:
        return ""
    said = not_counted(event, meant.revision, replaced(event, meant.revision))
    return f"{said} {_choices(known)}" if known else said


async def _helped(service: Service, number: str, said: str, limit: tuple[int, int]) -> str:
    """What is said where nothing counts, "" where that was said often enough."""
    at_once, an_hour = limit
    turn = Turn(f"help/{an_hour}/{number}", an_hour / 3600, at_once)
    now = service.clock.now()
    if await service.database.transact(lambda conn: paces.take_turn(conn, turn, now)) is not None:
        log.info("a text that counts nothing is not answered: too many", number=masked(ChannelName.SMS, number))
        return ""
    return said


def _unclear(known: Sequence[Code]) -> str:
    return written(WrittenAnswer.UNCLEAR, detail=_choices(known))


def _choices(codes: Sequence[Code]) -> str:
    if not codes:
        return "Nothing is open for you."
    listed = ", ".join(f"1{c.code} or 2{c.code}" for c in codes[:8])
    return f"Reply with a code: {listed}."


async def _take(service: Service, heard: Heard, code: Code) -> tuple[bool, str]:
    """Whether it counts, and what is said of it."""

    def work(conn: Connection) -> tuple[Event, bool]:
        answered = take_code(conn, service.ids, heard, code)
        return answered.event, answered.counted

    try:
        event, counted = await service.database.transact(work)
    except Refused as why:
        event = (await service.database.read(lambda conn: events.load(conn, [code.event_pk])))[code.event_pk]
        return False, not_counted(event, code.revision, str(why))
    if not counted:
        return False, not_counted(event, code.revision)
    kind = WrittenAnswer.ACCEPTED if heard.answer is Answer.ACKNOWLEDGE else WrittenAnswer.CANNOT
    return True, written(kind, order_named(event, code.revision))
