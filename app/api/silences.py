"""Silences: events that are noise for a while are kept and told to nobody. Critical ones are told all the same."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems
from app.api.instants import Instant, iso
from app.problems import Problem, refused
from app.security import Caller
from model.event import Event, Mode, Phase, Severity
from model.roster import OWN_SOURCE, Roster
from model.silence import AT_ONCE, LONGEST, SEVERITIES, Noise, Silence
from routing import silencing
from routing.silence_news import words
from store import audit, events, rosters, silences
from store.audit import Changed
from store.database import Connection
from store.silences import Held

router = APIRouter(tags=["events"], responses=problems(401, 403, 503))

MANY = 50  # values of one field
LATELY = 200  # events among which those are looked for that it would have held
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], Field(max_length=MANY)]
ResourceName = Annotated[Name, StringConstraints(pattern=r"^[^/]+/.+$")]


class NoiseIn(BaseModel):
    """An empty field fits every event, a filled one those whose value is in it."""

    model_config = ConfigDict(extra="forbid")

    sources: Names = ()
    programs: Names = ()
    phases: tuple[Phase, ...] = ()
    severities: tuple[Severity, ...] = Field((), description="All but critical by default")
    modes: tuple[Mode, ...] = ()
    resources: tuple[ResourceName, ...] = Field(
        (), max_length=MANY, description="scheme/code; an event that names others too is not meant"
    )


class SilenceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    match: NoiseIn = Field(description="Which events: at least one field")
    until: Instant = Field(description=f"When it ends, at most {LONGEST.days} days from now")
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        description="Why, for whoever reads what was not told"
    )


@router.post("/v1/silences", status_code=201, responses=problems(400, 409, 422))
async def make(given: SilenceIn, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """From now until then nobody is told of such events: `{"id", "match", "since", "until", "reason", "author", …}`.

    They are kept, with a verdict that says why. A critical event is never held, nor what somebody was told of before.
    `warnings`: what looks like a slip, such as a program that no event had lately. It is in force all the same.
    """
    now, roster = service.clock.now(), service.rosters.roster
    noise = _noise(given, roster.sources.keys() | {OWN_SOURCE})
    if not now < given.until <= now + LONGEST:
        raise refused([("body.until", f"an instant to come, at most {LONGEST.days} days from now")])
    lately = await service.database.read(lambda conn: _lately(conn, noise))
    silence = Silence(
        id=service.ids.new(),
        noise=noise,
        since=now,
        until=given.until,
        reason=given.reason,
        author=caller.who().actor,
    )

    def keep(conn: Connection) -> bool:
        if len(silences.active(conn, now)) >= AT_ONCE:
            return False
        silences.begin(conn, silence)
        _record(conn, caller, silence, "added", f"silence until {iso(silence.until)}. {words(noise)}", given.reason)
        return True

    if not await service.database.transact(keep):
        raise Problem(409, "Too many silences", f"at most {AT_ONCE} may be in force: end one first")
    return shown(silence, Held(0, ()), active=True) | {"warnings": [*_warnings(noise, roster, lately)]}


@router.get("/v1/silences")
async def every(
    service: ServiceDep, ended: Annotated[bool, Query(description="Those that ended in the last 7 days, too")] = False
) -> dict[str, Any]:
    """`{"silences": […]}`, the first to end first; `held` is how many events it has kept from people, and which."""
    now = service.clock.now()

    def look(conn: Connection) -> list[dict[str, Any]]:
        active = silences.active(conn, now)
        found = [*active, *(silences.ended_since(conn, now - LONGEST, now) if ended else [])]
        held = silences.held(conn, [one.id for one in found])
        return [shown(one, held[one.id], active=one in active) for one in found]

    return {"silences": await service.database.read(look)}


@router.delete("/v1/silences/{silence_id}", responses=problems(404))
async def end(silence_id: str, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """It is over: what it held and is open and in time is told now. 404 when there is none, or it was over."""
    now = service.clock.now()

    def keep(conn: Connection) -> dict[str, Any] | None:
        silence = silences.end(conn, silence_id, now)
        if silence is None:
            return None
        _record(conn, caller, silence, "removed", f"end of a silence. {words(silence.noise)}", "")
        return shown(silence, silences.held(conn, [silence.id])[silence.id], active=False)

    ended = await service.database.transact(keep)
    if ended is None:
        raise Problem(404, "No such silence", f"silence {silence_id} is not in force")
    return ended


def shown(silence: Silence, held: Held, *, active: bool) -> dict[str, Any]:
    noise = silence.noise
    fields = ("sources", "programs", "phases", "severities", "modes", "resources")
    return {
        "id": silence.id,
        "match": {name: list(map(str, values)) for name in fields if (values := getattr(noise, name))},
        "since": iso(silence.since),
        "until": iso(silence.until),
        "reason": silence.reason,
        "author": silence.author,
        "active": active,
        "held": {"count": held.total, "events": list(held.named)},
    }


def _noise(given: SilenceIn, known: set[str]) -> Noise:
    match = given.match
    if Severity.CRITICAL in match.severities:
        wanted = f"some of {', '.join(SEVERITIES)}: a critical event is told, whatever anybody has silenced"
        raise refused([("body.match.severities", wanted)])
    if unknown := sorted(set(match.sources) - known):
        raise refused([("body.match.sources", f"sources of the roster, which {', '.join(unknown)} is not")])
    noise = Noise(**{name: getattr(match, name) for name in NoiseIn.model_fields})
    if noise == Noise():
        raise refused([("body.match", "at least one field: a silence over everything is none")])
    return noise


def _lately(conn: Connection, noise: Noise) -> list[Event]:
    """The newest events of the sources that it names, or of all."""
    sources = noise.sources or (None,)
    return [event for source in sources for event in events.page(conn, LATELY // len(sources), None, source)]


def _warnings(noise: Noise, roster: Roster, lately: Sequence[Event]) -> Iterator[str]:
    """Resources and programs have no list that is complete: what nobody knows may be meant all the same."""
    known = {f"{resource.scheme}/{resource.code}" for resource in roster.resources}
    yield from (f"resource {name} is not in the roster" for name in noise.resources if name not in known)
    if not lately:
        return
    seen, last = {event.content.program for event in lately}, f"the last {len(lately)} events"
    yield from (f"program {name} is in none of {last}" for name in noise.programs if name not in seen)
    if not any(silencing.may_be_held(event) and noise.fits(event) for event in lately):
        yield f"none of {last} would have been held by it"


def _record(conn: Connection, caller: Caller, silence: Silence, change: str, text: str, why: str) -> None:
    after = shown(silence, Held(0, ()), active=True) if change == "added" else None
    changed = Changed(what=f"silences/{silence.id}", change=change, text=text, before=None, after=after)
    at = silence.since if change == "added" else silence.until
    audit.record(conn, [changed], caller.who(), why, rosters.latest_version(conn), at)
