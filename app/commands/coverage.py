"""`gridcall coverage`: where somebody will be missing."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from app.commands.reading import JSON
from app.commands.rosters import SECONDS, more


def coverage(
    days: Annotated[int, typer.Option(min=1, max=366, help="How far ahead.")] = 60, json: JSON = False
) -> None:
    """Where somebody will be missing or in two places. The exit code is 1 when somebody is missing."""
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
