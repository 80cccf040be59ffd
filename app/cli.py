"""`gridcall`: start it, and talk to one that runs."""

import sys
from collections.abc import Callable

import typer

from app.commands import (
    beginning,
    capacity,
    checking,
    coverage,
    covering,
    drilling,
    keeping,
    keys,
    maintaining,
    mending,
    operating,
    previewing,
    reading,
    reports,
    ringing,
    rosters,
    sending,
)
from model.errors import GridcallError

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Run": (operating.serve, operating.watch, operating.sandbox),
    "Run one role": (operating.api, operating.router, operating.notifier, operating.monitor),
    "Try, without a server": (sending.example, previewing.plan, previewing.say, capacity.capacity),
    "Talk to one that runs": (
        sending.send,
        sending.beat,
        maintaining.maintain,
        sending.link,
        drilling.drill,
        ringing.ring,
        reading.oncall,
        coverage.coverage,
        covering.cover,
        covering.swap,
        reading.events,
        reading.event,
        reports.report,
    ),
    "Look after its files": (
        beginning.init,
        checking.doctor,
        checking.migrate,
        checking.check,
        checking.heads,
        keeping.backup,
        keeping.purge,
    ),
}
for panel, commands in PANELS.items():
    for command in commands:
        cli.command(rich_help_panel=panel)(command)
cli.add_typer(rosters.roster, name="roster", rich_help_panel="Talk to one that runs")
cli.add_typer(keys.keys, name="keys", rich_help_panel="Look after its files")
cli.add_typer(mending.unreadable, name="unreadable", rich_help_panel="Talk to one that runs")


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
