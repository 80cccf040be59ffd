"""What somebody told the issuer of an event is noted here: by whom, when, by what, with which evidence."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems
from app.api.events_out import EventId, SourceId, no_such_event
from app.api.instants import Instant, iso
from app.api.text import Text
from app.problems import Problem
from model.issuer import How
from routing.telling_issuer import Told, note
from store.database import Connection

router = APIRouter(tags=["events"], responses=problems(400, 401, 403, 404, 409, 422))

AHEAD = timedelta(minutes=1)  # so far may the clock of whoever writes it down be before ours


class IssuerAckIn(BaseModel):
    """The answer to the issuer, as it was given elsewhere."""

    model_config = ConfigDict(extra="forbid")

    person: Text = Field(max_length=63, description="Id of the person of the roster who told the issuer")
    at: Instant = Field(description="When they did")
    how: How
    evidence: Text = Field(
        default="", max_length=1000, description="By what it can be shown: a number, a name, where a recording is"
    )
    revision: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="Default: the revision that needs an answer"
    )


@router.post("/v1/events/{source}/{event_id:path}/issuer-ack")
async def issuer_ack(
    source: SourceId, event_id: EventId, given: IssuerAckIn, service: ServiceDep, caller: CallerDep
) -> dict[str, Any]:
    """Note it, for good: nothing that was noted is changed or taken back. The same again is noted once."""
    now = service.clock.now()
    if given.person not in service.rosters.roster.people:
        raise _wrong("person", given.person, "the id of a person of the roster")
    if given.at > now + AHEAD:
        raise _wrong("at", given.at.isoformat(), "an instant that is not to come")
    told = Told(given.person, given.at, given.how, given.evidence, given.revision)

    def work(conn: Connection) -> dict[str, Any]:
        found = note(conn, service.ids, source, event_id, told, by=caller.key_id, now=now)
        if found is None:
            raise no_such_event(source, event_id)
        ack, new = found
        return {
            "issuer_ack_id": ack.id,
            "person": ack.person,
            "at": iso(ack.at),
            "how": str(ack.how),
            "evidence": ack.evidence,
            "revision": ack.revision,
            "received_at": iso(ack.received_at),
            "detail": "noted" if new else "it was noted before",
        }

    return await service.database.transact(work)


def _wrong(field: str, found: str, expected: str) -> Problem:
    errors = [{"field": f"body.{field}", "found": found, "expected": expected}]
    return Problem(422, "The request cannot be read", f"body.{field}: {expected} was expected", errors=errors)
