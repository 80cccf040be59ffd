"""Who is on call, as `GET /v1/oncall` says it: worked out for any instant, kept for the present one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_json

from app.api.instants import iso
from app.cache import Cache, Made
from app.metrics import Caches
from model.clock import Clock, breathe, stopwatch
from model.roster import Roster
from model.rota import Rota
from routing.audience import is_awake
from routing.on_call import by_people, on_call, spans

MINUTE = timedelta(minutes=1)
# How far the end of a shift is looked for, the near future first; None beyond.
HORIZONS = (timedelta(days=8), timedelta(days=35), timedelta(days=366))
LOOK_AGAIN = timedelta(hours=1)
TURNS_BYTES = 16 << 20
ANSWERS_BYTES = 32 << 20
TURN_BYTES = 600  # about: an id, two instants, a few ids of people
BUSY_SECONDS = 0.005  # so long others wait for their turn of the loop


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is on call in a rotation, and until when; None: as far as anybody looks."""

    people: tuple[str, ...]
    until: datetime | None


def turn(rota: Rota, at: datetime) -> Turn:
    people = tuple(on_call(rota, at))
    for horizon in HORIZONS:
        (_, _, end), *later = by_people(spans(rota, at, at + horizon))
        if later:
            return Turn(people, end)
    return Turn(people, None)


class OnCallNow:
    """Of one process. An edit is seen with the roster's next version; while that is not to be had, the last stands."""

    def __init__(self, roster: Callable[[], Roster], clock: Clock, caches: Caches, stale: Callable[[], bool]) -> None:
        self._roster = roster
        self._clock = clock
        self._turns: Cache[str, Turn] = Cache(
            self._turn, lambda key: self._roster().rotas[key], clock, TURNS_BYTES, caches.of("turns"), stale
        )
        # Who is awake changes with the minute.
        self._answers: Cache[str | None, bytes] = Cache(
            self._answer, lambda _: self._roster().version, clock, ANSWERS_BYTES, caches.of("oncall"), stale
        )

    def known(self, team: str | None) -> bytes | None:
        """The answer's body if it needs no work: `team`, or None for all. Of what is in the roster only."""
        rotations = self._answers.known(team)
        return None if rotations is None else _body(self._clock.now(), rotations)

    async def body(self, team: str | None) -> bytes:
        rotations = await self._answers.get(team)
        return _body(self._clock.now(), rotations)

    def body_at(self, team: str | None, at: datetime) -> bytes:
        """For any instant, worked out anew."""
        roster = self._roster()
        return _body(at, to_json([said(rota, turn(rota, at), roster, at) for rota in rotas_of(roster, team)]))

    async def _turn(self, rotation: str, at: datetime) -> Made[Turn]:
        found = turn(self._roster().rotas[rotation], at)
        return Made(found, found.until or at + LOOK_AGAIN, TURN_BYTES)

    async def _answer(self, team: str | None, at: datetime) -> Made[bytes]:
        """Hundreds of rotations never looked at take a second: others have their turn meanwhile."""
        roster, rotations, begun = self._roster(), [], stopwatch()
        until = at.replace(second=0, microsecond=0) + MINUTE
        for rota in rotas_of(roster, team):
            found = self._turns.known(rota.rotation.id, at) or await self._turns.get(rota.rotation.id, at)
            until = min(until, found.until or until)
            rotations.append(said(rota, found, roster, at))
            if stopwatch() - begun > BUSY_SECONDS:
                await breathe()
                begun = stopwatch()
        body = to_json(rotations)
        return Made(body, until, len(body))


def rotas_of(roster: Roster, team: str | None) -> list[Rota]:
    return [rota for _, rota in sorted(roster.rotas.items()) if team in (None, rota.rotation.team)]


def said(rota: Rota, found: Turn, roster: Roster, at: datetime) -> dict[str, Any]:
    rotation = rota.rotation
    return {
        "id": rotation.id,
        "name": rotation.name,
        "team": rotation.team,
        "timezone": rotation.timezone,
        "until": iso(found.until),
        "groups": list(_groups(found.people, roster, at)),
    }


def _groups(ids: tuple[str, ...], roster: Roster, at: datetime) -> Iterator[dict[str, Any]]:
    """In rota order of each group's first member."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for person in (roster.people[i] for i in ids if i in roster.people):
        shown = {"id": person.id, "name": person.name, "timezone": person.timezone, "awake": is_awake(person, at)}
        grouped.setdefault(person.timezone, []).append(shown)
    for timezone, people in grouped.items():
        yield {"timezone": timezone, "people": people}


def _body(at: datetime, rotations: bytes) -> bytes:
    return b'{"at":"%b","rotations":%b}' % (at.isoformat().encode(), rotations)
