"""Is it really their number? A code is sent there, and whoever says it back has it. Nothing waits for that.

Numbers and Slack users that are not verified are used as all others; lists, edits and `gridcall doctor` say which.
"""

import math
from datetime import timedelta
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from app import contact_codes
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems, unknown
from app.api.instants import iso
from app.contact_codes import CODE_AGE, TRIES, Said
from app.masking import masked
from app.problems import MEDIA_TYPE, Problem, refused
from app.security import Caller
from app.service import Service
from config.keys import Role
from model.attempt import Attempt
from model.errors import OutcomeUnknown, SendError
from model.plan import ChannelName
from model.ports import Send
from notifiers.wording.answers import code_words
from store import audit, contacts, rosters
from store.audit import Changed
from store.contacts import Contact
from store.database import Connection
from store.paces import Turn, take_turn

log = structlog.get_logger(__name__)

router = APIRouter(tags=["roster"], responses=problems(401, 403, 404, 409, 422, 503))

CODES_AT_ONCE = 2
# A phone gets its code as a text.
SENT_BY = {
    ChannelName.VOICE: ChannelName.SMS,
    ChannelName.SMS: ChannelName.SMS,
    ChannelName.SLACK_DM: ChannelName.SLACK_DM,
}
Method = Annotated[
    Literal["voice", "other_phone", "sms", "slack_dm"],
    InPath(alias="channel", description="Of the person's methods; `other_phone`: the second one of `voice`"),
]
_SENDING: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in ((429, "Too many codes: Retry-After"), (502, "The vendor did not take it"))
}


class CodeIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    code: str = Field(pattern=r"^[0-9]{6}$", description="As it was sent there")


@router.post("/v1/people/{person_id}/methods/{channel}/code", status_code=202, responses=_SENDING)
async def send_code(person_id: str, method: Method, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """Send a code there, phones by text, Slack by direct message: `{"channel", "address", "good_until", "tries"}`."""
    channel, address = _method(service, caller, person_id, method)
    vendor = service.vendors.channels.get(SENT_BY[channel])
    if vendor is None:
        raise Problem(409, "Nothing can be sent there", f"{SENT_BY[channel]} is not set up here")
    code, now = contact_codes.new_code(), service.clock.now()
    # Half of what the number sends stays free: texts about an event must not queue behind those of five hundred codes.
    pace = Turn("codes", service.settings.phones.texts_per_second / 2, CODES_AT_ONCE)

    def note(conn: Connection) -> None:
        known = contacts.held(conn, address)
        if (wait := contact_codes.wait(known, now)) is not None:
            raise _too_many(wait)
        if vendor.name is ChannelName.SMS and (free_at := take_turn(conn, pace, now)) is not None:
            raise _too_many(free_at - now)
        contacts.put(conn, contact_codes.sent(known, code, now))

    await service.database.transact(note)  # before it leaves: whoever reads it must find it known
    words = code_words(code, int(CODE_AGE.total_seconds() // 60))
    name = service.ids.new()
    attempt = Attempt(
        id=name,
        notification_id=name,
        event_pk=name,
        channel=vendor.name,
        address=address,
        words=words,
        started_at=now,
    )
    try:
        await vendor.send(Send(attempt=attempt, valid_seconds=CODE_AGE.total_seconds()))
    except OutcomeUnknown:
        log.warning("verification code sent, perhaps", person=person_id, channel=channel)
    except SendError as error:
        log.warning("verification code not sent", person=person_id, channel=channel, error=str(error))
        raise Problem(502, "The code was not sent", str(error)) from None
    shown = _shown(caller, channel, address)
    return shown | {"good_until": iso(now + CODE_AGE), "tries": TRIES}


@router.post("/v1/people/{person_id}/methods/{channel}/verify", responses=problems(400))
async def verify(
    person_id: str, method: Method, given: CodeIn, service: ServiceDep, caller: CallerDep
) -> dict[str, Any]:
    """Say the code back: `{"channel", "address", "verified": true}`. 422 for a wrong one, 409 when none is open."""
    channel, address = _method(service, caller, person_id, method)
    now = service.clock.now()

    def take(conn: Connection) -> tuple[Contact, Said]:
        after, led_to = contact_codes.said(contacts.held(conn, address), given.code, caller.who().actor, now)
        if led_to is not Said.NONE_OPEN:
            contacts.put(conn, after)
        if led_to is Said.VERIFIED:
            text = f"verify {channel} {masked(channel, address)} of person {person_id}"
            changed = Changed(what=f"contacts/{person_id}", change="changed", text=text, before=None, after=None)
            audit.record(conn, [changed], caller.who(), "", rosters.latest_version(conn), now)
        return after, led_to

    after, led_to = await service.database.transact(take)
    if led_to is Said.NONE_OPEN:
        limits = f"{CODE_AGE.seconds // 60} minutes and {TRIES} tries"
        detail = f"none was sent there that is still good, for {limits}: ask for another"
        raise Problem(409, "No code is open", detail)
    if led_to is Said.WRONG:
        raise refused([("body.code", f"the code that was sent there; {after.tries_left} tries are left")])
    return _shown(caller, channel, address) | {"verified": True}


def _too_many(wait: timedelta) -> Problem:
    seconds = str(math.ceil(wait.total_seconds()))
    return Problem(429, "Too many codes", f"wait {seconds} s", headers={"Retry-After": seconds})


def _method(service: Service, caller: Caller, person_id: str, method: str) -> tuple[ChannelName, str]:
    """The channel and the address. Raises Problem 404; 403 unless it is the caller's own, or the caller an admin."""
    person = service.rosters.roster.people.get(person_id)
    if person is None:
        raise unknown("person", person_id)
    if caller.role is not Role.ADMIN and caller.person != person_id:
        raise service.doorkeeper.forbidden(f"key {caller.key_id} is not of person {person_id}")
    channel, place = (ChannelName.VOICE, 1) if method == "other_phone" else (ChannelName(method), 0)
    found = person.addresses(channel)
    if len(found) <= place:
        raise Problem(404, "No such method", f"person {person_id} has no {method}")
    return channel, found[place]


def _shown(caller: Caller, channel: ChannelName, address: str) -> dict[str, Any]:
    whole = caller.role is Role.ADMIN
    return {"channel": str(channel), "address": address if whole else masked(channel, address)}
