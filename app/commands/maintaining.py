"""`gridcall maintain`: a source that is being worked on need not be heard; and the list of such times."""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.reading import JSON

if TYPE_CHECKING:
    from app.commands.client import Api


def maintain(
    source: Annotated[
        str | None, typer.Argument(help="Which source need not be heard. Alone, or without it: what was said.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help='Until when: "Sat 22:00" (the next one), "tomorrow 17:00", an ISO date and time.')
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="From when; now by default.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept in the audit.")] = None,
    end: Annotated[bool, typer.Option("--end", help="All that runs of it is over now.")] = False,
    id_: Annotated[
        str | None,
        typer.Option("--id", help="With --end: this one is over, or will not be, and no other; as the list has it."),
    ] = None,
    tz: Annotated[
        str | None, typer.Option("--tz", help="By the clock of this timezone; this machine's by default.")
    ] = None,
    json: JSON = False,
) -> None:
    """Say that a source is being worked on, so that nobody is called for its silence; or list what was said."""
    from app.commands.client import Api, CommandError, segment
    from app.commands.moments import end_moment, moment, zone_of
    from model.clock import SystemClock

    api, zone, now = Api(), zone_of(tz) if tz else None, SystemClock().now()
    path = f"/v1/sources/{segment(source or '')}/maintenance"
    if not (until or start or reason or end or id_):
        _list(api, source, zone, json=json)
    elif source and end and not (until or start or reason):
        _say(api.call("DELETE", f"{path}/{segment(id_)}" if id_ else path), zone, json=json)
    elif source and until and reason and not (end or id_):
        first = moment(start, zone, now, option="--from").at if start else now
        body = {"until": end_moment(until, zone, now, first, option="--until").at.isoformat(), "reason": reason}
        _say(api.call("POST", path, json=body | ({"from": first.isoformat()} if start else {})), zone, json=json)
    else:
        raise CommandError("say SOURCE with --until and --reason, or SOURCE with --end (and --id for one of several)")


def _list(api: "Api", source: str | None, zone: tzinfo | None, *, json: bool) -> None:
    from app.commands import show

    found = api.get("/v1/maintenance", source=source, limit=500)
    if json:
        show.as_json(found)
        return
    rows = [
        (w["source"], show.clock(w["from"], zone), show.clock(w["until"], zone), w["author"], w["reason"], w["id"])
        for w in found["maintenance"]
    ]
    show.table(("source", "from", "until", "by", "why", "id"), rows, empty="No maintenance, now or to come.")
    if found["next"]:
        typer.echo("There are more: give a SOURCE")


def _say(done: Mapping[str, Any], zone: tzinfo | None, *, json: bool) -> None:
    from app.commands import show

    if json:
        show.as_json(done)
    else:
        typer.echo("\n".join(_said(done, zone)))


def _said(done: Mapping[str, Any], zone: tzinfo | None) -> Iterator[str]:
    """What was said or ended, and what else there is."""
    from app.commands.show import clock

    source, others = done["source"], done["others"]
    for window in done.get("ended", ()):
        yield f"Over: {_window(window, zone)}"
    if "ended" not in done:
        yield f"{source} need not be heard from {clock(done['from'], zone)} until {clock(done['until'], zone)}"
    elif not any(window["active"] for window in others):
        yield f"{source} is expected to be heard from {clock(done['ended_at'], zone)} on"
    for window in others:
        yield f"{'It runs as well' if window['active'] else 'To come'}: {_window(window, zone)}"


def _window(window: Mapping[str, Any], zone: tzinfo | None) -> str:
    from app.commands.show import clock

    said = f"{window['author']}: {window['reason']}"
    return f"from {clock(window['from'], zone)} until {clock(window['until'], zone)}, {said} ({window['id']})"
