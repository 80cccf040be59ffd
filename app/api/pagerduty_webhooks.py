"""PagerDuty tells us who acknowledged an incident there: that answers the event here, if it is one of our people.

After a signature that fits the answer is always 2xx: three 4xx in a row and PagerDuty tells us nothing for a day.
"""

from uuid import NAMESPACE_URL, uuid5

import structlog
from fastapi import APIRouter, Request, Response

from app.answering import within_a_second
from app.api.deps import ServiceDep
from app.api.signatures import not_from
from app.service import Service
from model.errors import Refused, Undecidable
from model.reply import Answer, Heard
from notifiers.channels.pagerduty import verify
from notifiers.channels.pagerduty_webhooks import Acknowledged, acknowledged
from notifiers.wording.clean import clean
from routing.heard import take_heard

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/callbacks", tags=["vendors"], include_in_schema=False)

NAME_CHARS = 60
NO_KEY = (
    "incident_key is null. What is acknowledged at that service is not heard here: "
    "people accept by phone, text, Slack or the page"
)


@router.post("/pagerduty")
async def pagerduty_webhook(request: Request, service: ServiceDep) -> Response:
    """A webhook v3. Delivered again, it changes nothing."""
    body, headers = await request.body(), request.headers
    if not verify(body, headers.get("x-pagerduty-signature"), service.vendors.pagerduty_secrets):
        raise not_from(service, "pagerduty", request.url.path)
    webhook = headers.get("x-webhook-id", "")[:64]
    outcome = await _take(service, body, webhook)
    service.metrics.callbacks.count("pagerduty", outcome)
    return Response(status_code=202)


async def _take(service: Service, body: bytes, webhook: str) -> str:
    """What became of it, in a word."""
    try:
        said = acknowledged(body)
    except ValueError as error:
        log.warning("webhook not understood", vendor="pagerduty", webhook=webhook, error=type(error).__name__)
        return "not_understood"
    if said is None:
        return "ignored"
    if not said.alert:
        log.warning("acknowledged in PagerDuty, which does not say what", webhook=webhook, why=NO_KEY)
        return "no_key"
    heard = _heard(service, said, body)
    outcome = await within_a_second(service, heard, lambda: _stored(service, heard)) or "queued"
    log.info("acknowledged in PagerDuty", webhook=webhook, alert=said.alert, person=heard.person, outcome=outcome)
    return outcome


def _heard(service: Service, said: Acknowledged, body: bytes) -> Heard:
    """Named by what is signed: whoever sends it again under another X-Webhook-Id still changes nothing."""
    person = service.rosters.roster.person_in_pagerduty(said.user, said.email)
    return Heard(
        id=str(uuid5(NAMESPACE_URL, f"pagerduty:{said.id}")),
        channel="pagerduty",
        answer=Answer.ACKNOWLEDGE,
        received_at=service.clock.now(),
        person=person.id if person else None,
        said=f"acknowledged {said.incident}".strip(),
        by="" if person else clean(said.name, NAME_CHARS) or "Somebody",
        alert=said.alert,
        vendor_at=said.at,
        vendor_body=body.decode(errors="replace"),
    )


async def _stored(service: Service, heard: Heard) -> str:
    try:
        taken = await service.database.transact(lambda conn: take_heard(conn, service.ids, heard))
    except Undecidable:
        return "unknown"
    except Refused as why:
        log.info("alert of an old revision acknowledged", person=heard.person, why=str(why))
        return "old_revision"
    if heard.person is None:
        return "stranger"
    return "counted" if all(answered.counted for answered in taken) else "event_over"
