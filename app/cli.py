"""`gridcall`: start it, and talk to one that runs."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from app import logs
from config.settings import load_settings, unknown_variables
from model.errors import GridcallError

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@cli.callback()
def _gridcall() -> None:
    """On-call alerting for time-sensitive grid events."""


@cli.command()
def serve(
    demo: Annotated[bool, typer.Option(help="With stand-ins for the vendors and the demo's roster.")] = False,
    roster: Annotated[Path | None, typer.Option(help="The roster file to load, whole or not at all.")] = None,
) -> None:
    """Run everything in one process until Ctrl-C."""
    from app import greeting  # noqa: PLC0415 - the server's imports are heavy, other verbs stay fast
    from app.serve import serve as run  # noqa: PLC0415

    settings = load_settings(**({"roster": roster} if roster else {}))
    logs.configure(settings.log_level, settings.log_format)
    for name in unknown_variables():
        typer.echo(f"{name} is not a setting of Gridcall", err=True)
    asyncio.run(run(settings, demo=demo, ready=greeting.say))


def main() -> None:
    """The entry point. Errors that a person can mend are one sentence, without a traceback."""
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(0)
    except GridcallError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
