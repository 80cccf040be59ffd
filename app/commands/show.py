"""What commands print: JSON for machines, tables for people; plain text where no terminal looks."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any

import typer


def as_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """A table, or the sentence `empty` when there are no rows. Not on a terminal: columns between tabs."""
    found = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not found:
        typer.echo(empty)
    elif sys.stdout.isatty():
        _rich(columns, found)
    else:
        for row in [[name.upper() for name in columns], *found]:
            typer.echo("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))


def _rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))  # Text: what strangers wrote is never markup
    Console().print(shown)


def clock(at: str | datetime | None, zone: tzinfo | None = None) -> str:
    """An instant as people read it: date, time and zone, of this machine or of `zone`. "" for none."""
    if not at:
        return ""
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def time_of_day(at: str | datetime | None) -> str:
    return clock(at)[11:]
