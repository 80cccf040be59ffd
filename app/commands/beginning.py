"""`gridcall init`: the files an installation of one's own begins with."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to; made where it is missing.")],
) -> None:
    """Write a commented settings file and an example roster into a folder. Nothing is overwritten."""
    from app.beginning import begin

    for line in begin(folder):
        typer.echo(line)
