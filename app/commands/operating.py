"""`gridcall serve` and `sandbox`: start it."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    demo: Annotated[bool, typer.Option("--demo", help="With stand-ins for the vendors and the demo's roster.")] = False,
    roster: Annotated[Path | None, typer.Option(help="The roster file to load, whole or not at all.")] = None,
    standins: Annotated[
        str | None, typer.Option(metavar="URL", help="With --demo: use the stand-ins that run there (see sandbox).")
    ] = None,
) -> None:
    """Run everything in one process until Ctrl-C."""
    from app import greeting, logs
    from app.serve import in_loop
    from app.serve import serve as run
    from config.settings import load_settings, unknown_variables

    if standins and not demo:
        raise typer.BadParameter("only with --demo", param_hint="--standins")
    settings = load_settings(**({"roster": roster} if roster else {}))
    logs.configure(settings.log_level, settings.log_format)
    for name in unknown_variables():
        typer.echo(f"{name} is not a setting of Gridcall", err=True)
    url = standins.rstrip("/") if standins else None
    in_loop(run(settings, demo=demo, ready=greeting.say, standins_url=url))


def sandbox(
    api: Annotated[
        str | None, typer.Option(metavar="URL", help="The Gridcall to call back; by default the one of the settings.")
    ] = None,
) -> None:
    """Run only the stand-ins for Slack, PagerDuty and Twilio until Ctrl-C."""
    from app import logs
    from app.serve import Listening, in_loop, serve_standins
    from config.settings import load_settings

    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)

    def ready(at: Listening) -> None:
        typer.echo(f"Phones, Slack and PagerDuty to watch: {at.url}")
        typer.echo(f"Start Gridcall with: gridcall serve --demo --standins {at.url}")

    in_loop(serve_standins(settings, (api or settings.public_url).rstrip("/"), ready))
