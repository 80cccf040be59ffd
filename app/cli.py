"""`gridcall`: start it, and talk to one that runs."""

import sys
from collections.abc import Callable

import typer

from app.commands import operating, previewing, reading, sending
from model.errors import GridcallError

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

RUNNING, TRYING, TALKING = "Run", "Try, without a server", "Talk to one that runs"

PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    RUNNING: (operating.serve, operating.sandbox),
    TRYING: (sending.example, previewing.plan, previewing.say),
    TALKING: (sending.send, sending.beat, reading.oncall, reading.events, reading.event),
}
for panel, commands in PANELS.items():
    for command in commands:
        cli.command(rich_help_panel=panel)(command)


@cli.callback()
def _gridcall() -> None:
    """On-call alerting for time-sensitive grid events."""


def main(arguments: list[str] | None = None) -> None:
    """The entry point. Errors that a person can mend are one sentence, without a traceback."""
    try:
        cli(arguments)
    except KeyboardInterrupt:
        sys.exit(0)
    except GridcallError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
