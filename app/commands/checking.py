"""`gridcall doctor`, `migrate`, `check` and `heads`: look after the files and the database of one installation."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.doctor import Finding
    from config.settings import Settings

JSON = Annotated[bool, typer.Option("--json", help="Print it for machines.")]


def doctor(
    roster: Annotated[Path | None, typer.Option(help="The roster file; GRIDCALL_ROSTER or the stored one.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the vendors about our accounts too.")] = False,
    json: JSON = False,
) -> None:
    """Settings and where they come from, roster, ports, files, vendors. The exit code is 1 when something fails."""
    from app import doctor as examine
    from app.commands import show
    from config.settings import describe

    settings = _settings(roster)
    findings = list(examine.findings(settings))
    if live:
        from app import live_look

        findings += live_look.findings(settings, examine.roster_of(settings))
    failed = any(f.level is examine.Level.FAILS for f in findings)
    if json:
        known = [{"name": n, "value": v, "origin": o} for n, v, o in describe(settings)]
        found = [{"level": str(f.level), "what": f.what, "detail": f.detail} for f in findings]
        show.as_json({"ok": not failed, "settings": known, "findings": found})
    else:
        show.table(("setting", "value", "from"), describe(settings), empty="")
        typer.echo("")
        show.table(("", "what", "found"), [_shown(f) for f in findings], empty="")
    if failed:
        raise typer.Exit(1)


def _settings(roster: Path | None) -> "Settings":
    from config.settings import load_settings

    return load_settings(**({"roster": roster} if roster else {}))


def _shown(finding: "Finding") -> tuple[str, str, str]:
    return str(finding.level), finding.what, finding.detail


def migrate() -> None:
    """Bring the database to this version's schema. `serve` does the same at its start."""
    from app.stores import anew, database_place
    from model.errors import SettingsError, Unavailable
    from store.migrate import head

    settings = _settings(None)
    place, made = database_place(settings), anew(settings)
    try:
        changed = place.upgrade()
    except Unavailable as away:
        raise SettingsError(f"the database {place} cannot be used: {away}") from None
    if made:
        typer.echo(made)
    typer.echo(f"{place} is at {head()}{'' if changed else ' already'}")


def check(
    source: Annotated[str | None, typer.Argument(help="Who sent the event.")] = None,
    event_id: Annotated[str | None, typer.Argument(metavar="EVENT_ID", help="The event's id.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every event.")] = False,
    heads: Annotated[
        str | None,
        typer.Option(metavar="FILE|-", help="With --all: what `gridcall heads` printed and you kept elsewhere."),
    ] = None,
    json: JSON = False,
) -> None:
    """Verify the sealed evidence of an event, or of all. Only reads; the exit code is 1 when a chain is broken."""
    from app.commands import show
    from app.evidence import read_heads, verify

    if every == (source is not None) or (source is not None and event_id is None):
        raise typer.BadParameter("give SOURCE and EVENT_ID, or --all")
    if heads and not every:
        raise typer.BadParameter("--heads goes with --all")
    kept = read_heads(_text(heads))
    found = verify(_settings(None), source, event_id, kept)
    if json:
        breaks = [b._asdict() for b in found.breaks]
        show.as_json(asdict(found) | {"breaks": breaks})
    else:
        for broken in found.breaks:
            row = f", row {broken.seal_no}" if broken.seal_no is not None else ""
            typer.echo(f"{broken.source} {broken.event_id}{row}: {broken.why}")
        state = f"{len(found.breaks)} breaks" if found.breaks else "unbroken"
        waiting = f", {found.unsealed} not sealed yet" if found.unsealed else ""
        compared = f", against {found.heads} heads" if heads else ""
        typer.echo(f"{found.events} events with {found.rows} sealed rows{waiting}{compared}: {state}")
    if found.breaks:
        raise typer.Exit(1)


def heads(
    known: Annotated[
        str | None, typer.Argument(metavar="[FILE|-]", help="What was printed before: only what is new is printed.")
    ] = None,
) -> None:
    """Print the end of each event's sealed chain, a line each, to be kept where another host alone can write."""
    from app import evidence

    before = set(_text(known).split("\n"))
    for line in map(str, evidence.heads(_settings(None))):
        if line not in before:
            typer.echo(line)


def _text(file: str | None) -> str:
    from app.commands.sending import read_input

    return read_input(file).decode(errors="replace") if file else ""
