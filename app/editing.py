"""Edits of the roster in force: each is decided on the newest version and kept, unless somebody was faster."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.problems import Problem
from app.roster_diff import Difference, differences, key_differences
from app.roster_effect import Effect, effect
from app.rosters import Rosters, Snapshot
from app.security import Caller
from model.clock import Clock
from model.phones import USUAL, Phones
from routing.within_reach import out_of_reach
from store import audit, rosters
from store.audit import Changed, Who
from store.database import Connection, Database

TRIES = 5

# What is in force, as somebody wants it. Raises Problem or SettingsError for what cannot be.
Decide = Callable[[Snapshot], Snapshot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What an edit makes of the roster, and of who is on call. `after.roster` has its version once it is saved.

    `told`: the differences and the effect in words, as answers and the audit have them, and what cannot be kept.
    """

    before: Snapshot
    after: Snapshot
    differences: tuple[Difference, ...]
    effect: Effect
    told: Mapping[str, Any]

    def shown(self) -> dict[str, Any]:
        """`{"version", "changes", "effect", "effect_omitted", "warnings"}`."""
        return {"version": self.after.roster.version, **self.told}


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What the person who edits says of it; kept in the audit. `accept_gaps`: nobody on call is what they want."""

    reason: str = ""
    accept_gaps: bool = False


class Editor:
    """The one way in which the API changes the roster."""

    def __init__(self, database: Database, rosters_: Rosters, clock: Clock, phones: Phones = USUAL) -> None:
        self._database = database
        self._rosters = rosters_
        self._clock = clock
        self._phones = phones

    async def plan(self, decide: Decide) -> Edit:
        """What it would change, nothing kept."""
        await self._rosters.refresh(self._database)
        # Whole rosters are read, compared and put into words: other requests must not wait for that.
        return await asyncio.to_thread(planned, self._rosters.known, decide, self._clock.now(), self._phones)

    async def edit(self, decide: Decide, caller: Caller, why: Why) -> Edit:
        """Keep it as a new version, which this process uses at once.

        Raises Problem 409 for what leaves nobody on call where somebody was, unless that is accepted.

        Somebody who saves meanwhile is no conflict by itself: `decide` is asked again and says whether it is.
        """
        for _ in range(TRIES):
            edit = await self.plan(decide)
            if not why.accept_gaps:
                _check_gaps(edit.effect.gaps())
            version = await self._save(edit, caller, why.reason)
            if version is not None:
                await self._rosters.refresh(self._database)
                return _numbered(edit, version)
        raise Problem(503, "Too many edits at once", "others kept changing the roster", headers={"Retry-After": "1"})

    async def _save(self, edit: Edit, caller: Caller, reason: str) -> int | None:
        """The version it got. None: the roster or the keys are no longer those it was decided on."""
        if not edit.differences:
            return edit.before.roster.version
        who, now = Who(actor=f"key {caller.key_id}", key_id=caller.key_id, person=caller.person), self._clock.now()
        changes = [Changed(**told) for told in edit.told["changes"]]

        def save(conn: Connection) -> int | None:
            rosters.alone(conn)
            if not _unchanged(conn, edit.before):
                return None
            version = rosters.save(conn, edit.after.roster, who.actor, now, keys=edit.after.keys).version
            audit.record(conn, changes, who, reason, version, now)
            return version

        version: int | None = await self._database.transact(save)
        return version


def planned(before: Snapshot, decide: Decide, now: datetime, phones: Phones = USUAL) -> Edit:
    after = decide(before)
    _check_keys(after)
    found = (*differences(before.roster, after.roster), *key_differences(before.keys, after.keys))
    done = effect(before.roster, after.roster, now)
    warnings = list(out_of_reach(after.roster, phones, now))
    told = {"changes": [d.shown() for d in found], "warnings": warnings} | done.shown()
    return Edit(before=before, after=after, differences=found, effect=done, told=told)


def _check_gaps(gaps: Effect) -> None:
    if not gaps.changes:
        return
    told = gaps.shown()
    first, more = told["effect"][0], len(gaps.changes) - 1
    counted = f", and {more} more" if more else ""
    detail = f"{first['rotation']}: {first['text']}{counted}. Cover it first, or accept gaps, with a reason"
    raise Problem(409, "It leaves a gap", detail, **told)


def _check_keys(after: Snapshot) -> None:
    """A key of somebody who is not there would still open."""
    for key in after.keys:
        gone = [("source", key.source, after.roster.sources), ("person", key.person, after.roster.people)]
        for what, name, there in gone:
            if name is not None and name not in there:
                detail = f"key {key.id} belongs to {what} {name}: change the keys first, by a roster file that has them"
                raise Problem(409, "A key belongs to it", detail)


def _unchanged(conn: Connection, before: Snapshot) -> bool:
    same_keys = {key.id: key for key in rosters.all_keys(conn)} == {key.id: key for key in before.keys}
    return same_keys and rosters.latest_version(conn) == before.roster.version


def _numbered(edit: Edit, version: int) -> Edit:
    return replace(edit, after=replace(edit.after, roster=replace(edit.after.roster, version=version)))
