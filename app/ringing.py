"""`gridcall ring`: one real call, marked as a test, that waits for the key."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from app.problems import Problem
from app.service import Service
from config.settings import Settings
from model.attempt import Attempt, Receipt, ReceiptKind
from model.clock import Clock
from model.errors import OutcomeUnknown, SendError
from model.plan import CallEnd, ChannelName
from model.ports import Send
from model.roster import Person
from notifiers.channels.twilio_account import TwilioAccount, TwilioSignature
from notifiers.channels.voice import VoiceChannel
from notifiers.wording.answers import ring_words
from store import lines, rings
from store.rings import Ring

log = structlog.get_logger(__name__)

RING_SECONDS = 30
AGAIN_AFTER = timedelta(seconds=60)
_ENDS = {
    ReceiptKind.NO_ANSWER: CallEnd.NO_ANSWER,
    ReceiptKind.BUSY: CallEnd.BUSY,
    ReceiptKind.COMPLETED: CallEnd.NO_KEY,
    ReceiptKind.CANCELED: CallEnd.STOPPED,
}


def channel(settings: Settings, clock: Clock) -> VoiceChannel | None:
    """With the caller id of the watch, if there is one: a lost call about an event is looked up by its two numbers."""
    own = settings.for_watch
    if not (own.twilio_account_sid and own.twilio_tokens and own.dialling):
        return None
    account = TwilioAccount(
        account_sid=own.twilio_account_sid,
        auth_token=own.twilio_tokens[0],
        clock=clock,
        base_url=own.twilio_base_url,
    )
    return VoiceChannel(account, dialling=own.dialling, public_url=own.public_url, kind="ring")


def signature(settings: Settings) -> TwilioSignature | None:
    tokens = settings.for_watch.twilio_tokens
    return TwilioSignature(*tokens) if tokens else None


async def ring(service: Service, person: Person, by: str) -> Ring:
    """Place the call. Raises Problem 409 where nobody can be called, 502 when Twilio did not take it."""
    number, voice = person.address(ChannelName.VOICE), channel(service.settings, service.clock)
    if number is None or voice is None or not service.settings.called_back:
        raise Problem(409, "Nobody can be called", _why_not(person, number, voice))
    now = service.clock.now()
    made = Ring(id=service.ids.new(), person=person.id, started_at=now, by=by)
    last, busy = await service.database.read(lambda conn: (rings.newest(conn, person.id), lines.rings(conn, number)))
    if last and not last.ended_at and now - last.started_at < AGAIN_AFTER:
        raise Problem(409, "Already ringing", f"{person.name} is being rung since {last.started_at:%H:%M:%S} UTC")
    if busy:
        raise Problem(409, "The number is busy", f"{person.name} is being called about an event")
    await service.database.transact(lambda conn: rings.add(conn, made))
    words = ring_words(person.name)
    attempt = Attempt(
        id=made.id,
        notification_id="",
        event_pk="",
        channel=ChannelName.VOICE,
        address=number,
        words=words,
        started_at=now,
    )
    try:
        await voice.send(Send(attempt=attempt, valid_seconds=RING_SECONDS, ring_seconds=RING_SECONDS))
    except OutcomeUnknown as lost:
        log.warning("answer lost, a callback tells whether it rings", ring=made.id, error=str(lost))
    except SendError as error:
        why = str(error)
        await _changed(service, made.id, lambda ring: replace(ring, ended_at=now, outcome=why))
        raise Problem(502, "The call was not taken", why) from error
    finally:
        await voice.close()
    return made


def _why_not(person: Person, number: str | None, voice: VoiceChannel | None) -> str:
    if number is None:
        return f"{person.name} has no phone in the roster"
    if voice is None:
        return "Twilio is not set up"
    return "Twilio does not reach us, so no key can be pressed: set GRIDCALL_PUBLIC_URL"


async def take_receipt(service: Service, ring_id: str, receipt: Receipt) -> None:
    now = service.clock.now()
    await _changed(service, ring_id, lambda ring: after(ring, receipt.kind, now))


async def confirm(service: Service, ring_id: str) -> bool:
    """False: nobody was rung so."""
    now = service.clock.now()
    found = await _changed(service, ring_id, lambda r: replace(r, confirmed_at=r.confirmed_at or now))
    return found is not None


async def _changed(service: Service, ring_id: str, how: Callable[[Ring], Ring]) -> Ring | None:
    changed: Ring | None = await service.database.transact(lambda conn: rings.change(conn, ring_id, how))
    return changed


def after(ring: Ring, kind: ReceiptKind, now: datetime) -> Ring:
    """What a receipt makes of it; an old one changes nothing."""
    if kind is ReceiptKind.RINGING:
        return replace(ring, rang_at=ring.rang_at or now)
    if kind is ReceiptKind.ANSWERED:
        return replace(ring, answered_at=ring.answered_at or now)
    if kind is ReceiptKind.MACHINE:
        return replace(ring, answered_at=ring.answered_at or now, outcome=ring.outcome or CallEnd.VOICEMAIL)
    if kind.final and ring.ended_at is None:
        outcome = ring.outcome or str(_ENDS.get(kind, kind))
        return replace(ring, ended_at=now, outcome="" if ring.confirmed_at else outcome)
    return ring
