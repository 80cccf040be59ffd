"""`gridcall serve`, one role alone, and `sandbox`: start it."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

RosterOption = Annotated[Path | None, typer.Option("--roster", help="The roster file to load, whole or not at all.")]


def serve(
    demo: Annotated[bool, typer.Option("--demo", help="With stand-ins for the vendors and the demo's roster.")] = False,
    roster: RosterOption = None,
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


def api(roster: RosterOption = None) -> None:
    """Take events in, answer vendors and people. Any number of processes, on PostgreSQL and RabbitMQ."""
    _run_role("api", roster)


def router(roster: RosterOption = None) -> None:
    """Decide who is told, how and when. Any number of processes, on PostgreSQL and RabbitMQ."""
    _run_role("router", roster)


def notifier(roster: RosterOption = None) -> None:
    """Call, text and post. Any number of processes, on PostgreSQL and RabbitMQ."""
    _run_role("notifier", roster)


def monitor(roster: RosterOption = None) -> None:
    """Notice silent sources, seal the evidence, tidy up. One works at a time, others stand by."""
    _run_role("monitor", roster)


def _run_role(name: str, roster: Path | None) -> None:
    from app import logs
    from app.roles import Role
    from app.serve import Listening, in_loop, run_role
    from app.service import Service
    from config.settings import load_settings, unknown_variables

    settings = load_settings(**({"roster": roster} if roster else {}))
    logs.configure(settings.log_level, settings.log_format)
    for variable in unknown_variables():
        typer.echo(f"{variable} is not a setting of Gridcall", err=True)

    def ready(_service: Service, at: Listening) -> None:
        typer.echo(f"Gridcall {name} is ready, its health at {at.url}/readyz")

    in_loop(run_role(settings, Role(name), ready))


def watch(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The Gridcall to look at, such as https://gridcall.example")
    ],
) -> None:
    """Look at a Gridcall from another host, and call its duty list when it is not well, until Ctrl-C."""
    from app import logs
    from app.duty_alarm import Told
    from app.outside import watch_from_outside
    from app.serve import in_loop
    from config.settings import load_settings, unknown_variables

    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter("expected an address such as https://gridcall.example", param_hint="URL")
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)
    for variable in unknown_variables():
        typer.echo(f"{variable} is not a setting of Gridcall", err=True)

    def ready(whom: Told, after: timedelta) -> None:
        names = ", ".join(person.name for person in whom.duty) or "nobody by phone"
        typer.echo(f"Watching {whom.url}. When it is not well for {after.total_seconds():g} s: {names}")

    in_loop(watch_from_outside(settings, url, ready))


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
