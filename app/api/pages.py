"""The operator's page of an event, at an address that is signed for one person. Reading it changes nothing."""

from collections.abc import Sequence
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse

from app.answering import within_a_second
from app.api.deps import ServiceDep, address_of
from app.page_links import Opened, expired
from app.problems import MEDIA_TYPE
from app.service import Service
from model.errors import Refused, Undecidable
from model.event import Event
from model.reply import Answer, Heard, Reply
from notifiers.wording import page as wording
from notifiers.wording.page import Result
from routing.heard import take_heard
from store import events, replies
from store.database import Connection

log = structlog.get_logger(__name__)

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page", "content": {"text/html": {}}},
    404: {"description": "Nothing is at this address", "content": {MEDIA_TYPE: {}}},
    410: {"description": "A day after the event's end", "content": {"text/html": {}}},
    422: {"description": "No answer that the page asks for", "content": {MEDIA_TYPE: {}}},
    429: {"description": "Too many wrong addresses: Retry-After", "content": {MEDIA_TYPE: {}}},
    503: {"description": "Not available now", "content": {MEDIA_TYPE: {}}},
}

router = APIRouter(tags=["events"], responses=_ANSWERS, default_response_class=HTMLResponse)


async def _opened(token: str, request: Request, service: ServiceDep) -> Opened:
    """Raises Problem 404, or 429: before anything else of the request is looked at."""
    opened = service.page_links.opened(token, service.rosters.roster.people)
    if opened is None:
        raise service.doorkeeper.unknown_link(address_of(request))
    return opened


OpenedDep = Annotated[Opened, Depends(_opened)]


@router.get("/e/{token}")
async def event_page(opened: OpenedDep, service: ServiceDep) -> HTMLResponse:
    """The event as its person reads it, with buttons. A preview of the link acknowledges nothing."""
    return await _shown(service, opened, None)


@router.post("/e/{token}")
async def answer_on_page(
    opened: OpenedDep,
    service: ServiceDep,
    answer: Annotated[Answer, Form()],
    revision: Annotated[int, Form(ge=1, le=1_000_000)],
) -> HTMLResponse:
    """A button was pressed: what counted, and the page again. `revision`: the one that was read."""
    heard = Heard(
        id=service.ids.new(),
        channel="page",
        answer=answer,
        received_at=service.clock.now(),
        person=opened.person,
        revision=revision,
        said="button",
        event_pk=opened.event_pk,
    )
    result = await within_a_second(service, heard, lambda: _taken(service, heard))
    if result is None:
        return _html(wording.received())
    return await _shown(service, opened, result)


async def _taken(service: Service, heard: Heard) -> Result:
    try:
        taken = await service.database.transact(lambda conn: take_heard(conn, service.ids, heard))
    except Undecidable:
        return Result.OVER  # the event is not kept any more
    except Refused as why:
        log.info("answer on an old page", person=heard.person, why=str(why))
        return Result.REPLACED
    if not all(answered.counted for answered in taken):
        return Result.OVER
    return Result.ACCEPTED if heard.answer is Answer.ACKNOWLEDGE else Result.CANNOT


async def _shown(service: Service, opened: Opened, result: Result | None) -> HTMLResponse:
    def look(conn: Connection) -> tuple[Event | None, Sequence[Reply]]:
        return events.load(conn, [opened.event_pk]).get(opened.event_pk), replies.of_event(conn, opened.event_pk)

    event, answers = await service.database.read(look)
    now, roster = service.clock.now(), service.rosters.roster
    if event is None or expired(event, now):
        return _html(wording.gone(), 410)
    return _html(wording.page(event, roster.people[opened.person], answers, roster, service.house, now, result))


def _html(text: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        text,
        status,
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": wording.policy(),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex, nofollow",
        },
    )
