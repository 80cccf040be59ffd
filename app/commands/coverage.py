"""`gridcall coverage`: where somebody will be missing, and who works through a change of clocks."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from app.commands.reading import JSON
from app.commands.rosters import SECONDS, more

MAX_CLOCKS = 40  # lines; --json has them all


def coverage(
    days: Annotated[int, typer.Option(min=1, max=366, help="How far ahead.")] = 60, json: JSON = False
) -> None:
    """Who will be missing or in two places, and who works 23 or 25 hours. The exit code is 1 for who is missing."""
    from app.commands import show
    from app.commands.client import Api

    found = Api(seconds=SECONDS).get("/v1/coverage", days=days)
    if json:
        show.as_json(found)
    else:
        typer.echo("\n".join(_lines(found, days)))
    if any(finding["kind"] != "two_places" for finding in found["findings"]):
        raise typer.Exit(1)


def _lines(found: Mapping[str, Any], days: int) -> Iterator[str]:
    if not found["findings"]:
        yield f"Nobody is missing in the next {days} days."
    yield from (finding["text"] for finding in found["findings"])
    yield from more(found["findings_omitted"])
    if clocks := found["clocks"]:
        yield "Through the next changes of clocks:"
        yield from (f"  {clock['text']}" for clock in clocks[:MAX_CLOCKS])
        yield from more(len(clocks[MAX_CLOCKS:]) + found["clocks_omitted"])
