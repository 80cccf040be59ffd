"""`GET /v1/reports/sla`: were the deadlines kept, how soon were people told, and by whose doing not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems
from app.api.event_shapes import issuer_shape
from app.api.instants import Instant, iso
from app.problems import Problem
from app.service import Service
from config.keys import Role
from model import issuer
from model.clock import breathe
from model.issuer import IssuerAsks, IssuerLine
from model.ledger import EventLine, Group, PersonLine, Spread, late_by, totals
from model.roster import Roster
from store import ledger

router = APIRouter(tags=["reports"], responses=problems(401, 403, 422))

USUAL = timedelta(days=30)
LONGEST = timedelta(days=366)
MOST_EVENTS = 20_000
BATCH = 200


@router.get("/v1/reports/sla")
async def sla(
    service: ServiceDep,
    caller: CallerDep,
    since: Annotated[Instant | None, Query(alias="from", description="Default: 30 days before `to`")] = None,
    to: Annotated[Instant | None, Query(description="Default: now")] = None,
    source: Annotated[str | None, Query(max_length=63)] = None,
    events: Annotated[bool, Query(description="Also each deadline with its people, in the order of receipt")] = False,
) -> dict[str, Any]:
    """The events received in [from, to) that asked people for an answer: actual ones, drills and what Gridcall says
    itself (source `gridcall`), counted apart.

    `{"from", "to", "actual": totals, "drill": totals, "own": totals, "events": [...] or null}`: there is one entry for
    each revision that needed an answer, unless a later one replaced it before anything was decided. Totals: `{"events",
    "deadlines", "outcomes", "issuer", "kept", "late_by", "seconds": {"to_first_ring", "to_first_acceptance",
    "left_at_first_ring"}}`. All but `events` are of those entries: `issuer` counts whether issuers were told, `kept` is
    the share of decided deadlines that was met, a spread is `{"count", "shortest", "p50", "p95", "longest"}` from the
    receipt of the revision, `late_by` says where the time of a missed deadline went: source, us, vendor, person. An
    upstream sees its own source only.
    """
    until = to or service.clock.now()
    since = since or until - USUAL
    if not timedelta(0) < until - since <= LONGEST:
        raise Problem(422, "The request cannot be read", "query.from: before `to`, by 366 days at most, was expected")
    own = caller.source if caller.role is Role.UPSTREAM else source
    if source is not None and not caller.may_read(source):
        raise service.doorkeeper.forbidden(f"key {caller.key_id} is not for source {source}")
    lines: list[EventLine] = []
    after: str | None = ""
    while after is not None:
        page = await _page(service, since, until, after, own)
        lines += (line for line in page.lines if line.group)
        if len(lines) > MOST_EVENTS:
            raise Problem(422, "Too many events", f"at most {MOST_EVENTS} in one report: ask for a shorter time")
        after = page.after
        await breathe()
    lines.sort(key=lambda line: line.received_at)
    now, roster = service.clock.now(), service.rosters.roster
    told = {(line.pk, line.revision): _issuer(line, roster, now) for line in lines}
    return {
        "from": iso(since),
        "to": iso(until),
        **{group: _totals([line for line in lines if line.group is group], told) for group in Group},
        "events": [_event(line, told[line.pk, line.revision]) for line in lines] if events else None,
    }


async def _page(service: Service, since: Instant, until: Instant, after: str, source: str | None) -> ledger.Page:
    return await service.database.read(
        lambda conn: ledger.page(conn, since, until, after=after, limit=BATCH, source=source)
    )


def _issuer(line: EventLine, roster: Roster, now: datetime) -> IssuerLine | None:
    source = roster.sources.get(line.source)
    asks = IssuerAsks(
        revision=line.revision,
        deadline_at=line.deadline_at,
        closed_at=line.closed_at,
        required=source is not None and source.issuer_ack,
    )
    return issuer.line(asks, line.issuer_acks, now)


def _totals(lines: Sequence[EventLine], told: Mapping[tuple[str, int], IssuerLine | None]) -> dict[str, Any]:
    found = totals(lines)
    issuers = [known for line in lines if (known := told[line.pk, line.revision])]
    return {
        "events": found.events,
        "deadlines": found.deadlines,
        "outcomes": dict(found.outcomes),
        "issuer": dict(Counter(str(known.outcome or "open") for known in issuers)),
        "kept": found.kept,
        "late_by": dict(found.late_by),
        "seconds": {
            "to_first_ring": _spread(found.first_ring),
            "to_first_acceptance": _spread(found.first_acceptance),
            "left_at_first_ring": _spread(found.left_at_first_ring),
        },
    }


def _spread(found: Spread) -> dict[str, Any]:
    return asdict(found)


def _event(line: EventLine, told: IssuerLine | None) -> dict[str, Any]:
    return {
        "source": line.source,
        "event_id": line.event_id,
        "revision": line.revision,
        "mode": str(line.mode),
        "severity": line.severity,
        "policy": line.policy,
        "received_at": iso(line.received_at),
        "planned_at": iso(line.planned_at),
        "first_send_at": iso(line.started_at),
        "first_ring_at": iso(line.ringing_at),
        "first_acceptance_at": iso(line.accepted_at),
        "deadline_at": iso(line.deadline_at),
        "outcome": line.outcome and str(line.outcome),
        "outcome_at": iso(line.outcome_at),
        "reason": line.reason,
        "late_by": late_by(line),
        "issuer": issuer_shape(told),
        "people": [_person(person) for person in line.people],
    }


def _person(line: PersonLine) -> dict[str, Any]:
    return {
        "person": line.person,
        "due_at": iso(line.due_at),
        "first_send_at": iso(line.started_at),
        "ringing_at": iso(line.ringing_at),
        "delivered_at": iso(line.delivered_at),
        "answered_at": iso(line.answered_at),
        "replied_at": iso(line.replied_at),
        "reply": line.reply,
    }
