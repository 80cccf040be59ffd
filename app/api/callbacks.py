"""Vendors call back here. Every request's signature is verified before anything of it is believed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, NamedTuple

import structlog
from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import FormData

from app.answering import traced, within_a_second
from app.api.deps import ServiceDep
from app.api.signatures import not_from
from app.service import Service
from app.texting import answer_text
from model.attempt import Attempt, Receipt
from model.errors import Refused, Unavailable
from model.event import Event, EventStatus, Mode
from model.plan import Notification
from model.reply import NOT_REPEATED_BACK, PASSED_ON, REPEATED_BACK, Answer, Heard
from model.roster import ReadBack
from notifiers.channels import sms, voice
from notifiers.receipts import take_receipt
from notifiers.wording import said_again
from notifiers.wording.answers import SpokenAnswer, also_confirm, how_many, spoken, where_to_look
from notifiers.wording.facts import reference
from routing.heard import take_heard
from routing.read_back import TRIES, Asked, asked, right
from store import attempts, bundles, events
from store.database import Connection

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/callbacks", tags=["vendors"], include_in_schema=False)

KEYS = {"1": Answer.ACKNOWLEDGE, "2": Answer.CANNOT_COMPLY, "9": Answer.CANNOT_COMPLY}
REPEAT, PASS = "3", "9"
TURN_SECONDS = 10.0  # Twilio waits 15 for an answer


def _xml(text: str) -> Response:
    return Response(text, media_type="application/xml")


async def _twilio_form(request: Request, service: Service) -> Mapping[str, str]:
    """The form of a request that Twilio signed. Raises Problem 403 for anybody else's."""
    form = await request.form()
    if not _signed(request, service, form):
        raise not_from(service, "twilio", request.url.path)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _signed(request: Request, service: Service, form: FormData) -> bool:
    """By Twilio's token, over the address that Twilio knows."""
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{service.settings.public_url}{request.url.path}{query}"
    verifier = service.vendors.twilio
    return verifier is not None and verifier.verify(url, form, request.headers.get("x-twilio-signature"))


@router.post("/here")
async def here(
    request: Request, service: ServiceDep, nonce: Annotated[str, Query(pattern=r"^[0-9a-f]{0,32}$")] = ""
) -> dict[str, str | bool]:
    """Whether the public URL leads to this installation, and what Twilio signs is the same when it arrives."""
    signed = _signed(request, service, await request.form())
    return {"installation": service.proof.of(nonce), "signed_by_twilio": signed}


class Told(NamedTuple):
    """An attempt with what it was about."""

    attempt: Attempt
    notification: Notification
    event: Event


def _told(conn: Connection, attempt_id: str) -> Sequence[Told]:
    """All that the call has named, in that order; nothing where none of it is kept."""
    attempt = attempts.one(conn, attempt_id)
    if attempt is None:
        return ()
    rows = bundles.named(conn, attempt)
    known = events.load(conn, {row.event_pk for row in rows})
    return [Told(attempt, row, known[row.event_pk]) for row in rows]


async def _store_receipt(service: Service, attempt_id: str, receipt: Receipt) -> None:
    now = service.clock.now()
    async with traced(service, attempt_id):
        known = await service.database.transact(lambda conn: take_receipt(conn, service.ids, attempt_id, receipt, now))
    if not known:
        log.warning("callback for an unknown attempt", attempt=attempt_id, kind=str(receipt.kind))


@asynccontextmanager
async def _turn(service: Service) -> AsyncIterator[None]:
    """Of the few receipts of texts that are stored at once. Raises Unavailable after long: Twilio tells it again."""
    try:
        async with service.clock.timeout(TURN_SECONDS):
            await service.receipts.acquire()
    except TimeoutError:
        raise Unavailable(f"no turn within {TURN_SECONDS:.0f} s among the receipts that came") from None
    try:
        yield
    finally:
        service.receipts.release()


@router.post("/twilio/voice/{attempt_id}/status")
@router.post("/twilio/voice/{attempt_id}/amd")
async def voice_status(attempt_id: str, request: Request, service: ServiceDep) -> Response:
    await _store_receipt(service, attempt_id, voice.voice_receipt(await _twilio_form(request, service)))
    return Response(status_code=204)


@router.post("/twilio/sms/{attempt_id}/status")
async def sms_status(attempt_id: str, request: Request, service: ServiceDep) -> Response:
    """Nobody waits for what it tells, as for that of a call: whether that is answered, and its line free."""
    receipt = sms.sms_receipt(await _twilio_form(request, service))
    async with _turn(service):
        await _store_receipt(service, attempt_id, receipt)
    return Response(status_code=204)


@router.post("/twilio/voice/{attempt_id}/key")
async def voice_key(attempt_id: str, request: Request, service: ServiceDep, read_back: int = 0) -> Response:
    """A key was pressed: take it as the answer and say what it led to. `read_back`: the number of that try."""
    form = await _twilio_form(request, service)
    key = voice.voice_key(form)
    key_url = voice.callback_url(service.settings.public_url, attempt_id, "key")
    heard = None
    if read_back or key in KEYS:
        call, answer = form.get("CallSid", ""), KEYS.get(key, Answer.ACKNOWLEDGE)
        said = f"{key}, {PASSED_ON}" if key == PASS else key
        heard = _heard(service, answer, "voice", attempt_id=attempt_id, vendor_id=call, said=said)
    # The 1 before it counts already: what is repeated back is lost where it cannot be stored now.
    work = partial(_read_back if read_back else _key_led_to, service, attempt_id, key, heard, read_back)
    led_to = await within_a_second(service, None if read_back else heard, work)
    if led_to is None:
        kind = SpokenAnswer.RECEIVED if heard else SpokenAnswer.NO_REPEAT if key == REPEAT else SpokenAnswer.INVALID
        return _xml(voice.answer_twiml(kind, key_url=key_url))
    if led_to.asks:
        again = f"?read_back={read_back + 1}"
        url = voice.callback_url(service.settings.public_url, attempt_id, "key", query=again)
        return _xml(voice.read_back_twiml(spoken(led_to.kind, led_to.detail, led_to.drill), url))
    return _xml(
        voice.answer_twiml(led_to.kind, key_url=key_url, prompt=led_to.prompt, detail=led_to.detail, drill=led_to.drill)
    )


class _LedTo(NamedTuple):
    """What a key led to, and what is needed to say it. `asks`: for it to be repeated back."""

    kind: SpokenAnswer
    detail: str = ""
    prompt: str = ""
    drill: bool = False
    asks: bool = False


async def _key_led_to(service: Service, attempt_id: str, key: str, heard: Heard | None, _: int = 0) -> _LedTo:
    told = await service.database.read(lambda conn: _told(conn, attempt_id))
    if not told:
        return _not_known(service, attempt_id)
    wishes = [_to_repeat(service, one) for one in told] if heard and heard.answer is Answer.ACKNOWLEDGE else []
    if heard and any(wishes):
        heard = replace(heard, said=f"{key}, {NOT_REPEATED_BACK}")  # until it was
    async with traced(service, attempt_id):
        kind, detail = await _take_key(service, told, key, heard)
    drill = _is_drill(told)
    # One number that is keyed in shows of one order that it was understood.
    if kind is SpokenAnswer.ACCEPTED and len(wishes) == 1 and (asked := wishes[0]):
        return _LedTo(TO_REPEAT[asked.what], "Accepted.", drill=drill, asks=True)
    if kind is SpokenAnswer.ACCEPTED and any(wishes):
        kind = SpokenAnswer.NOT_REPEATED
    return _LedTo(kind, detail, _prompt(told), drill)


def _not_known(service: Service, attempt_id: str) -> _LedTo:
    """That it is over would be a guess: the commit in which the call was begun may be what is lost."""
    log.warning("key for an unknown attempt", attempt=attempt_id)
    slack = service.settings.slack_bot_token is not None
    return _LedTo(SpokenAnswer.NOT_KNOWN, where_to_look(slack, service.house.callback_number))


async def _read_back(service: Service, attempt_id: str, key: str, heard: Heard | None, number: int) -> _LedTo:
    """What was keyed in to show that the order was understood; the acceptance counts whatever it was."""
    told = await service.database.read(lambda conn: _told(conn, attempt_id))
    if not told:
        return _not_known(service, attempt_id)
    asked = _to_repeat(service, told[0]) if len(told) == 1 else None
    if asked is None or heard is None:
        return _LedTo(SpokenAnswer.OVER)
    drill = _is_drill(told)
    if not right(asked, key):
        if (gone := _gone(told)) is not None:
            return _LedTo(*gone, drill=drill)
        if number < TRIES:
            return _LedTo(TO_REPEAT[asked.what], "That is not it.", drill=drill, asks=True)
        return _LedTo(SpokenAnswer.NOT_REPEATED, _also_confirm(service, told), drill=drill)
    heard = replace(heard, answer=Answer.ACKNOWLEDGE, said=f"1 {key}, {REPEATED_BACK}")
    async with traced(service, attempt_id):
        kind, detail = await _take_key(service, told, key, heard)
    return _LedTo(SpokenAnswer.REPEATED if kind is SpokenAnswer.ACCEPTED else kind, detail, drill=drill)


TO_REPEAT = {
    ReadBack.MEGAWATTS: SpokenAnswer.REPEAT_MEGAWATTS,
    ReadBack.REFERENCE: SpokenAnswer.REPEAT_REFERENCE,
}


def _to_repeat(service: Service, told: Told) -> Asked | None:
    """What whoever accepts is to repeat back, of the order they were told."""
    wish = service.rosters.roster.policy_of(told.event).read_back
    revision = next(r for r in told.event.revisions if r.number == told.notification.revision)
    return asked(wish, revision.content, reference(told.event.event_id))


async def _take_key(service: Service, told: Sequence[Told], key: str, heard: Heard | None) -> tuple[SpokenAnswer, str]:
    if key == REPEAT:
        return _gone(told) or (SpokenAnswer.REPEAT, "")
    if heard is None or told[0].notification.person is None:
        return SpokenAnswer.INVALID, ""
    try:
        taken = await service.database.transact(lambda conn: take_heard(conn, service.ids, heard))
    except Refused:
        taken = []
    counted = sum(answered.counted for answered in taken)
    if not counted:
        return await _did_not_count(service, told[0].attempt.id)
    which = how_many(counted, len(told))
    if heard.answer is Answer.CANNOT_COMPLY:
        return SpokenAnswer.PASSED if key == PASS else SpokenAnswer.CANNOT, which
    return SpokenAnswer.ACCEPTED, " ".join(filter(None, (which, _also_confirm(service, told))))


async def _did_not_count(service: Service, attempt_id: str) -> tuple[SpokenAnswer, str]:
    """By what has become of each event of the call: one may be over, and another one may ask something else now."""
    told = await service.database.read(lambda conn: _told(conn, attempt_id))
    kind, detail = _gone(told) or (SpokenAnswer.REPLACED, "")
    return kind, "That did not count." if kind is SpokenAnswer.REPLACED else detail


def _gone(told: Sequence[Told]) -> tuple[SpokenAnswer, str] | None:
    """What is said where nothing that the call told holds any more, None while some of it does."""
    if _still(told):
        return None
    changed = any(_replaced(one) and one.event.rings for one in told)
    return (SpokenAnswer.REPLACED, "") if changed else (SpokenAnswer.OVER, _why_over(told))


def _still(told: Sequence[Told]) -> list[str]:
    """The rows of a call that still hold. Of a single one that somebody else has it is said when it is answered."""
    holds = [one.notification for one in told if one.event.status is EventStatus.OPEN and not _replaced(one)]
    return [row.id for row in holds if row.cut_requested_at is None or len(told) == 1]


def _replaced(told: Told) -> bool:
    return told.event.status is EventStatus.OPEN and told.notification.revision < told.event.answer_revision


def _prompt(told: Sequence[Told]) -> str:
    """What is said again: of several events what still holds."""
    payload = told[0].attempt.words.payload
    return said_again(payload, _still(told)) if len(told) > 1 else str(payload.get("prompt", ""))


def _is_drill(told: Sequence[Told]) -> bool:
    return all(one.event.content.mode is Mode.DRILL for one in told)


def _also_confirm(service: Service, told: Sequence[Told]) -> str:
    return also_confirm(service.rosters.roster.sources.get(one.event.source) for one in told)


def _heard(service: Service, answer: Answer, channel: str, **more: Any) -> Heard:
    return Heard(id=service.ids.new(), channel=channel, answer=answer, received_at=service.clock.now(), **more)


def _why_over(told: Sequence[Told]) -> str:
    if len(told) > 1:
        return "All events of this call are over."
    return {EventStatus.CANCELLED: "The event was cancelled.", EventStatus.TERMINATED: "The event was released."}.get(
        told[0].event.status, "The event is over."
    )


@router.post("/twilio/sms/inbound")
async def inbound_sms(request: Request, service: ServiceDep) -> Response:
    """A person wrote to us."""
    text = sms.inbound_sms(await _twilio_form(request, service))
    return _xml(sms.reply_twiml(await answer_text(service, text.from_number, text.body)))
