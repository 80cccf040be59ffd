"""`gridcall cover` and `swap`: somebody takes somebody's hours, in one line."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from app.commands.moments import Moment

Rotation = Annotated[str, typer.Option(help="The id of the rotation.")]
Zone = Annotated[str | None, typer.Option("--tz", help="By the clock of this timezone; the rotation's by default.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]
Gaps = Annotated[
    bool, typer.Option("--accept-gaps", help="Also if somebody will be missing, or in two places; with --reason.")
]
_WHEN = '"Sat 22:00" (the next one), "tomorrow 17:00", an ISO date and time.'


def cover(
    rotation: Rotation,
    person: Annotated[str, typer.Option(help="Who is on call instead.")],
    start: Annotated[str, typer.Option("--from", help=f"From when: {_WHEN}")],
    end: Annotated[str, typer.Option("--to", help="Until when; a weekday or time is the next one after --from.")],
    replaces: Annotated[str | None, typer.Option(help="Instead of whom; of everybody by default.")] = None,
    tz: Zone = None,
    reason: Reason = "",
    accept_gaps: Gaps = False,
) -> None:
    """One person covers for another, or for everybody on call then."""
    hours = _Hours(rotation, tz)
    body = {"action": "replace", "person": person, "replaces": replaces} | hours.between(start, end)
    hours.change("overrides", body, {"reason": reason, "accept_gaps": accept_gaps})


def swap(
    rotation: Rotation,
    person: Annotated[str, typer.Option(help="Whose hours --from and --to name.")],
    start: Annotated[str, typer.Option("--from", help=f"From when: {_WHEN}")],
    end: Annotated[str, typer.Option("--to", help="Until when; a weekday or time is the next one after --from.")],
    other: Annotated[str, typer.Option("--with", help="With whom.")],
    other_start: Annotated[str, typer.Option("--with-from", help="From when the other is on call.")],
    other_end: Annotated[str, typer.Option("--with-to", help="Until when.")],
    tz: Zone = None,
    reason: Reason = "",
    accept_gaps: Gaps = False,
) -> None:
    """Two people take each other's hours: both, or neither."""
    hours = _Hours(rotation, tz)
    first = {"person": person} | hours.between(start, end)
    second = {"person": other} | hours.between(other_start, other_end)
    hours.change("swaps", {"first": first, "second": second}, {"reason": reason, "accept_gaps": accept_gaps})


class _Hours:
    """Hours of a rotation, typed by its clock."""

    def __init__(self, rotation: str, tz: str | None) -> None:
        from app.commands.client import Api, segment
        from app.commands.moments import zone_of

        self._api = Api()
        self._path = f"/v1/rotations/{segment(rotation)}"
        self._zone = zone_of(tz) if tz else ZoneInfo(self._api.get(self._path)["timezone"])

    def between(self, start: str, end: str) -> dict[str, str]:
        from app.commands.moments import end_moment, moment
        from model.clock import SystemClock

        now = SystemClock().now()
        first = self._said(moment(start, self._zone, now, option="--from"))
        last = self._said(end_moment(end, self._zone, now, first, option="--to"))
        return {"from": first.isoformat(), "to": last.isoformat()}

    def change(self, what: str, body: dict[str, Any], why: dict[str, Any]) -> None:
        from app.commands.rosters import lines

        done = self._api.call("POST", f"{self._path}/{what}", json=body, params=why)
        typer.echo("\n".join(lines(done)))
        typer.echo(f"In force as version {done['version']}")

    def _said(self, found: "Moment") -> datetime:
        if found.remark:
            typer.echo(found.remark, err=True)
        return found.at
