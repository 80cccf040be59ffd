"""`gridcall`: start it, and talk to one that runs."""

import sys

import typer

from app.commands import operating, sending
from model.errors import GridcallError

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

RUNNING, TALKING, LOOKING = "Run", "Talk to one that runs", "Look after it"

cli.command(rich_help_panel=RUNNING)(operating.serve)
cli.command(rich_help_panel=RUNNING)(operating.sandbox)
cli.command(rich_help_panel=TALKING)(sending.example)
cli.command(rich_help_panel=TALKING)(sending.send)
cli.command(rich_help_panel=TALKING)(sending.beat)


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
