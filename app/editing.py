"""Edits of the roster in force: each is decided on the newest version and kept, unless somebody was faster."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app import key_edits, out_of_sight, roster_saving, undoing
from app.links import revoke_orphans
from app.problems import Problem
from app.roster_diff import Difference, differences, key_differences
from app.roster_effect import Effect, effect
from app.roster_saving import Why
from app.rosters import Rosters, Snapshot
from app.security import Caller
from heartbeat import beats
from model.clock import Clock
from model.ids import Ids
from model.phones import USUAL, Phones
from model.roster import Roster
from routing.coverage import FindingKind
from routing.within_reach import out_of_reach
from store import audit, events, readdress, rosters
from store.audit import Changed
from store.database import Connection, Database
from store.events import InUse

TRIES = 5

# What is in force, as somebody wants it. Raises Problem or SettingsError for what cannot be.
Decide = Callable[[Snapshot], Snapshot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What an edit makes of the roster, and of who is on call. `after.roster` has its version once it is saved.

    `told`: the differences and the effect in words, as answers and the audit have them, and what cannot be kept.
    `undone`: what was changed after the version that whoever edits has seen.
    """

    before: Snapshot
    after: Snapshot
    differences: tuple[Difference, ...]
    effect: Effect
    told: Mapping[str, Any]
    undone: tuple[audit.Entry, ...] = ()

    def shown(self) -> dict[str, Any]:
        """`{"version", "changes", "effect", "effect_omitted", "warnings"}`."""
        return {"version": self.after.roster.version, **self.told}


class Editor:
    """The one way in which the API changes the roster."""

    def __init__(self, database: Database, rosters_: Rosters, clock: Clock, ids: Ids, phones: Phones = USUAL) -> None:
        self._database = database
        self._rosters = rosters_
        self._clock = clock
        self._ids = ids
        self._phones = phones

    async def plan(self, decide: Decide, seen: int | None = None) -> Edit:
        """What it would change, nothing kept. `seen`: the version on which it was decided, if not on the newest.

        Raises Problem 409 for a version that never was here.
        """
        await self._rosters.refresh(self._database)
        # Whole rosters are read, compared and put into words: other requests must not wait for that.
        edit = await asyncio.to_thread(planned, self._rosters.known, decide, self._clock.now(), self._phones)
        before, after = edit.before.roster, edit.after.roster
        policies, teams = before.policies.keys() - after.policies.keys(), before.teams.keys() - after.teams.keys()
        if policies or teams:
            used = await self._database.read(lambda conn: events.in_use(conn, policies, teams))
            edit = replace(edit, told={**edit.told, "warnings": [*edit.told["warnings"], *map(_in_use, used)]})
        return await self._against(edit, seen) if seen is not None and edit.differences else edit

    async def _against(self, edit: Edit, seen: int) -> Edit:
        """With what it undoes."""
        if sentence := undoing.of_another(seen, edit.before.roster.version):
            raise Problem(409, "The file is of another Gridcall", sentence)
        undone = await self._database.read(lambda conn: undoing.undone(conn, seen, edit.differences))
        return replace(edit, undone=tuple(undone))

    async def edit(self, decide: Decide, caller: Caller, why: Why, seen: int | None = None) -> Edit:
        """Keep it as a new version, which this process uses at once.

        Raises Problem 409 for what leaves somewhere nobody on call, nobody who can be told, or a person in two places,
        where it was not so before, unless that is accepted; and for what undoes a change made after version `seen`.

        Somebody who saves meanwhile is no conflict by itself: `decide` is asked again and says whether it is.
        """
        for _ in range(TRIES):
            edit = await self.plan(decide, seen)
            if seen is not None and edit.undone:
                raise Problem(409, undoing.TITLE, undoing.refusal(seen, edit.undone), undoes=undoing.shown(edit.undone))
            if not why.accept_gaps:
                _check_findings(edit)
            version = await self._save(edit, caller, why.reason)
            if version is not None:
                await self._rosters.refresh(self._database)
                return _numbered(edit, version)
        raise Problem(503, "Too many edits at once", "others kept changing the roster", headers={"Retry-After": "1"})

    async def _save(self, edit: Edit, caller: Caller, reason: str) -> int | None:
        """The version it got. None: the roster or the keys are no longer those it was decided on."""
        if not edit.differences:
            return edit.before.roster.version
        who, now = caller.who(), self._clock.now()
        changes = [*(Changed(**told) for told in edit.told["changes"]), *roster_saving.accepted(edit.effect)]

        def save(conn: Connection) -> int | None:
            rosters.alone(conn)
            if not _unchanged(conn, edit.before):
                return None
            version = rosters.save(conn, edit.after.roster, who.actor, now, keys=edit.after.keys).version
            links = revoke_orphans(conn, edit.before.roster, edit.after.roster)
            readdress.follow(conn, self._ids, edit.before.roster, edit.after.roster, now)
            audit.record(conn, [*changes, *links], who, reason, version, now)
            return version

        version: int | None = await self._database.transact(save)
        return version


def planned(before: Snapshot, decide: Decide, now: datetime, phones: Phones = USUAL) -> Edit:
    before = _lately(before, now)  # what is long past makes no edit too long, and its going is nobody's change
    after = _lately(decide(before), now)
    _check_keys(before, after, now)
    of_roster = () if before.roster is after.roster else differences(before.roster, after.roster)
    found = (*of_roster, *key_differences(before.keys, after.keys))
    done = effect(before.roster, after.roster, now)
    warnings = [*out_of_reach(after.roster, phones, now), *_periods(before.roster, after.roster)]
    warnings += out_of_sight.remarks(of_roster, now)
    told = {"changes": [d.shown() for d in found], "warnings": warnings} | done.shown()
    return Edit(before=before, after=after, differences=found, effect=done, told=told)


def _lately(snapshot: Snapshot, now: datetime) -> Snapshot:
    return replace(snapshot, roster=out_of_sight.without_long_past(snapshot.roster, now))


def _periods(before: Roster, after: Roster) -> Iterator[str]:
    """Of sources that are new or other than before."""
    for name, source in after.sources.items():
        if before.sources.get(name) != source:
            yield from beats.notices(source)


def _in_use(used: InUse) -> str:
    count = "1 open event goes" if used.events == 1 else f"{used.events} open events go"
    goes = f"{used.noun} {used.name} goes although {count} by it"
    return f"{goes}: they carry on by the {used.noun} of the route that fits them now (decision 31)"


_REFUSED = {
    FindingKind.GAP: ("It leaves a gap", "Cover it first"),
    FindingKind.UNREACHABLE: ("It leaves nobody who can be told", "Give them a number first, or the step a channel"),
    FindingKind.TWO_PLACES: ("It puts a person in two places", "Let somebody else cover first"),
}


def _check_findings(edit: Edit) -> None:
    if not edit.effect.findings:
        return
    worst = edit.effect.findings[0].kind
    title, mend = _REFUSED[worst]
    told = {name: value for name, value in edit.told.items() if name != "changes"}
    raise Problem(409, title, f"{edit.effect.in_short()}. {mend}, or accept gaps, with a reason", **told)


def _check_keys(before: Snapshot, after: Snapshot, now: datetime) -> None:
    if key_edits.locks_out(before, after, now):
        detail = (
            "it takes the last key of an admin that opens for more than a day: make another first, or do it on the host"
        )
        raise Problem(409, "Nobody could change anything any more", detail)
    if sentence := roster_saving.orphan(after.roster, after.keys):
        raise Problem(409, "A key belongs to it", sentence)


def _unchanged(conn: Connection, before: Snapshot) -> bool:
    same_keys = {key.id: key for key in rosters.all_keys(conn)} == {key.id: key for key in before.keys}
    return same_keys and rosters.latest_version(conn) == before.roster.version


def _numbered(edit: Edit, version: int) -> Edit:
    return replace(edit, after=replace(edit.after, roster=replace(edit.after.roster, version=version)))
