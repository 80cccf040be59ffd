"""`gridcall report`: were the deadlines kept."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from app.commands.reading import JSON

_GROUPS = {"actual": "actual", "drill": "drill", "own": "Gridcall's own"}


def report(
    since: Annotated[str | None, typer.Option("--from", help="From when on; 30 days before --to by default.")] = None,
    to: Annotated[str | None, typer.Option(help="Until before when; now by default.")] = None,
    tz: Annotated[str | None, typer.Option(help="By the clock of this timezone; this machine's by default.")] = None,
    source: Annotated[str | None, typer.Option(help="Of one source; of all by default.")] = None,
    events: Annotated[bool, typer.Option("--events", help="Also each event's deadlines.")] = False,
    json: JSON = False,
) -> None:
    """How many deadlines were kept, how soon phones rang, and by whose doing deadlines were missed."""
    from app.commands import show
    from app.commands.client import Api
    from app.commands.moments import moment, zone_of
    from model.clock import SystemClock

    zone, now = zone_of(tz) if tz else None, SystemClock().now()
    asked = {
        "from": since and moment(since, zone, now, option="--from").at.isoformat(),
        "to": to and moment(to, zone, now, option="--to").at.isoformat(),
    }
    found = Api().get("/v1/reports/sla", **asked, source=source, events=str(events).lower())
    if json:
        show.as_json(found)
        return
    typer.echo(f"Events received from {show.clock(found['from'], zone)} until {show.clock(found['to'], zone)}:")
    for group, name in _GROUPS.items():
        for line in _said(name, found[group]):
            typer.echo(line)
    if events:
        rows = [
            (
                show.clock(e["received_at"], zone),
                e["source"],
                e["event_id"],
                str(e["revision"]),
                e["mode"],
                e["outcome"] or "open",
                e["late_by"] or "",
                e["reason"],
            )
            for e in found["events"]
        ]
        show.table(
            ("received", "source", "event", "revision", "mode", "outcome", "late by", ""), rows, empty="No event."
        )


def _said(group: str, found: dict[str, Any]) -> Iterator[str]:
    """The figures of actual events, of drills, or of Gridcall's own, in words."""
    if not found["events"]:
        yield f"  {group}: none"
        return
    counts = ", ".join(f"{count} {name}" for name, count in sorted(found["outcomes"].items()))
    more = f", with {found['deadlines']} deadlines" if found["deadlines"] > found["events"] else ""
    yield f"  {group}: {found['events']}{more} ({counts}){_kept(found['outcomes'])}"
    if found["issuer"]:
        yield "    the issuer: " + ", ".join(f"{count} {name}" for name, count in sorted(found["issuer"].items()))
    if found["late_by"]:
        yield "    missed by: " + ", ".join(f"{name} {count}" for name, count in sorted(found["late_by"].items()))
    spreads = found["seconds"]
    for name, text in (("to_first_ring", "first ring"), ("to_first_acceptance", "first acceptance")):
        if (spread := spreads[name])["count"]:
            half, most, longest = (f"{spread[rank]:.1f} s" for rank in ("p50", "p95", "longest"))
            yield f"    {text}: half within {half}, 95 % within {most}, all within {longest} of receipt"
    if (left := spreads["left_at_first_ring"])["count"]:
        yield f"    left at the first ring: {left['shortest']:.1f} s at least, {left['p50']:.1f} s for half of them"


def _kept(outcomes: Mapping[str, int]) -> str:
    """Rounded down: 100 % are all of them."""
    met, missed = outcomes.get("met", 0), outcomes.get("missed", 0)
    return f"; {1000 * met // (met + missed) / 10:.1f} % of deadlines kept" if met + missed else ""
