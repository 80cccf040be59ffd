"""Who changed what of the roster. For admins."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems
from app.api.instants import iso
from app.api.paging import DEFAULT_LIMIT, Limit, first_of
from store import audit
from store.audit import Entry

router = APIRouter(tags=["roster"], responses=problems(401, 403))

AfterNumber = Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$", description="`next` of the page before")]


@router.get("/v1/audit")
async def entries(
    service: ServiceDep, _: CallerDep, limit: Limit = DEFAULT_LIMIT, after: AfterNumber = None
) -> dict[str, Any]:
    """`{"audit": [...], "next"}`, the newest first. What is changed meanwhile moves no page.

    Each is one entry of the roster that was added, removed or changed: `{"n", "at", "actor", "key_id", "person",
    "what", "change", "text", "before", "after", "reason", "roster_version"}`. Phone numbers are masked in it.
    """
    before = int(after) if after else None
    rows = await service.database.read(lambda conn: audit.newest(conn, limit + 1, before))
    found = first_of(rows, lambda row: str(row.n), limit)
    return {"audit": [_shown(entry) for entry in found.items], "next": found.next}


def _shown(entry: Entry) -> dict[str, Any]:
    changed = entry.changed
    return {
        "n": entry.n,
        "at": iso(entry.at),
        "actor": entry.who.actor,
        "key_id": entry.who.key_id,
        "person": entry.who.person,
        "what": changed.what,
        "change": changed.change,
        "text": changed.text,
        "before": changed.before,
        "after": changed.after,
        "reason": entry.reason,
        "roster_version": entry.roster_version,
    }
