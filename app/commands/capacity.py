"""`gridcall capacity`: how many people can be called in time."""

from typing import Annotated

import typer

from app.commands.reading import JSON


def capacity(
    lines: Annotated[int | None, typer.Option(min=1, help="Calls at once; GRIDCALL_TWILIO_LINES by default.")] = None,
    calls_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="GRIDCALL_TWILIO_CALLS_PER_SECOND by default.")
    ] = None,
    call: Annotated[int, typer.Option(min=1, metavar="SECONDS", help="Ringing and talking, of one call.")] = 115,
    sla: Annotated[int, typer.Option(min=1, metavar="SECONDS", help="From the event to its deadline.")] = 600,
    margin: Annotated[int, typer.Option(min=0, metavar="SECONDS", help="dial_margin_seconds of the policy.")] = 5,
    table: Annotated[bool, typer.Option("--table", help="Of usual accounts instead, within ten minutes.")] = False,
    json: JSON = False,
) -> None:
    """How many people a critical event can ring by its deadline when each call takes as long as it may."""
    from app.commands import show
    from config.settings import load_settings
    from model.phones import Phones
    from routing import capacity

    if table:
        typer.echo("\n".join(capacity.table()))
        return
    usual = load_settings().phones
    phones = Phones(lines or usual.lines, calls_per_second or usual.calls_per_second)
    people = capacity.people_in_time(phones, call, sla, margin)
    if json:
        show.as_json({"lines": phones.lines, "calls_per_second": phones.calls_per_second, "people": people})
        return
    typer.echo(
        f"{people} people within {sla} s: {phones}, {call} s each; the last call ends {margin} s before the deadline."
    )
