"""The operator's page of an event, at an address that is signed for one person. Reading it changes nothing."""

import re
from functools import partial
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse

from app.answering import within_a_second
from app.api.deps import ServiceDep, address_of
from app.page_links import Opened, expired
from app.problems import MEDIA_TYPE, Problem
from app.service import Service
from model.errors import Refused, Unavailable, Undecidable
from model.event import Event
from model.reply import Answer, Heard, Reply
from notifiers.wording import page as wording
from notifiers.wording.page import Further, Result
from routing.heard import take_heard, take_one_of_several
from store import asked, events, replies
from store.asked import Asked
from store.database import Connection

log = structlog.get_logger(__name__)

ACCEPTED_AT_ONCE = 500
_NAMED = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([1-9]\d{0,5})")

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page", "content": {"text/html": {}}},
    404: {"description": "Nothing is at this address", "content": {MEDIA_TYPE: {}}},
    410: {"description": "A day after the event's end", "content": {"text/html": {}}},
    422: {"description": "No answer that the page asks for", "content": {MEDIA_TYPE: {}}},
    429: {"description": "Too many wrong addresses: Retry-After", "content": {MEDIA_TYPE: {}}},
    503: {"description": "The event cannot be shown now", "content": {"text/html": {}}},
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


@router.get("/e/{token}/all")
async def ask_to_accept_all(opened: OpenedDep, service: ServiceDep) -> HTMLResponse:
    """Asks whether everything is to be accepted that waits for the person's answer."""
    now = service.clock.now()

    def look(conn: Connection) -> tuple[Event | None, list[Asked]]:
        return _event(conn, opened), asked.unanswered(conn, opened.person, now)

    try:
        event, waiting = await service.database.read(look)
    except Unavailable:
        return _html(wording.away(None), 503)
    if event is None or expired(event, now):
        return _html(wording.gone(), 410)
    some = waiting[:ACCEPTED_AT_ONCE]
    return _html(wording.accept_all(_token(service, opened, event.pk), some, len(waiting) - len(some)))


@router.post("/e/{token}/all")
async def accept_all(
    opened: OpenedDep, service: ServiceDep, named: Annotated[str, Form(alias="events")]
) -> HTMLResponse:
    """Those that were asked for are accepted. `events`: each with the revision that was read."""
    heard = Heard(
        id=service.ids.new(),
        channel="page",
        answer=Answer.ACKNOWLEDGE,
        received_at=service.clock.now(),
        person=opened.person,
        said="accept all",
        several=_several(named),
    )
    token = _token(service, opened, opened.event_pk)
    accepted = await within_a_second(service, heard, lambda: _all_taken(service, heard))
    if accepted is None:
        return _html(wording.all_received(token, len(heard.several)))
    return _html(wording.all_accepted(token, accepted, len(heard.several)))


def _several(named: str) -> tuple[tuple[str, int], ...]:
    """Raises Problem 422 when that is not what the page sends."""
    found = _NAMED.findall(named)
    if " ".join(f"{pk}.{revision}" for pk, revision in found) != named or not 0 < len(found) <= ACCEPTED_AT_ONCE:
        raise Problem(422, "not_understood", "That is not what the page sends.")
    return tuple({pk: int(revision) for pk, revision in found}.items())


async def _all_taken(service: Service, heard: Heard) -> int:
    """How many were accepted. Each by itself: what waits behind them need not wait for all."""
    accepted = 0
    for event_pk, revision in sorted(heard.several):
        taken = await service.database.transact(
            partial(take_one_of_several, ids=service.ids, heard=heard, event_pk=event_pk, revision=revision)
        )
        accepted += sum(answered.counted for answered in taken)
    return accepted


async def _shown(service: Service, opened: Opened, result: Result | None) -> HTMLResponse:
    now, roster = service.clock.now(), service.rosters.roster

    def look(conn: Connection) -> tuple[Event | None, list[Reply], list[Asked], dict[str, Event]]:
        waiting = asked.unanswered(conn, opened.person, now)
        listed = [one.event_pk for one in waiting if one.event_pk != opened.event_pk][: wording.LISTED]
        known = events.load(conn, [opened.event_pk, *listed])
        return known.get(opened.event_pk), replies.of_event(conn, opened.event_pk), waiting, known

    try:
        event, answers, waiting, known = await service.database.read(look)
    except Unavailable:
        return _html(wording.away(result), 503 if result is None else 200)
    if event is None or expired(event, now):
        return _html(wording.gone(), 410)
    others = [one.event_pk for one in waiting if one.event_pk != event.pk]
    further = [Further(known[pk], _token(service, opened, pk)) for pk in others[: wording.LISTED]]
    text = wording.page(
        event,
        roster.people[opened.person],
        answers,
        roster,
        service.house,
        now,
        result,
        token=_token(service, opened, event.pk),
        further=further,
        unlisted=len(others) - len(further),
        waiting=len(waiting),
    )
    return _html(text)


def _event(conn: Connection, opened: Opened) -> Event | None:
    return events.load(conn, [opened.event_pk]).get(opened.event_pk)


def _token(service: Service, opened: Opened, event_pk: str) -> str:
    return service.page_links.token(event_pk, opened.person)


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
