"""`gridcall backup` and `purge`: for the database of one installation, also while it runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy to make; nothing is overwritten.")],
) -> None:
    """Copy the database as it is now, while Gridcall runs. Only its owner may read the copy."""
    from app import keeping
    from config.settings import load_settings

    place = keeping.back_up(load_settings(), file)
    typer.echo(f"{place} is copied to {file}, {file.stat().st_size:,} bytes. Restoring: docs/operating.md")


def purge(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As +13125550101; - reads it from standard input.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a phone number (or another address) out of every event that is over. Words, outcome and chain stay."""
    from app import keeping
    from app.logs import masked
    from config.settings import load_settings
    from model.clock import SystemClock

    address = (sys.stdin.readline() if number == "-" else number).strip()
    if not address:
        raise typer.BadParameter("a number is needed", param_hint="NUMBER")
    settings, now = load_settings(), SystemClock().now()
    found = keeping.held(settings, address, now)
    typer.echo(f"{masked(address)} stands in {found.over} events that are over, and was tried {found.tries} times.")
    if found.going_on:
        typer.echo(f"{found.going_on} events still go on: it stays there, purge again a day after their deadline.")
    if found.over:
        if not yes:
            typer.confirm("Purge it? This cannot be undone", abort=True)
        typer.echo(f"Purged from {keeping.purge(settings, address, now)} events.")
    keeping.forget_contact(settings, address)
    typer.echo("Take it out of the roster file too. Earlier versions of the roster and backups keep it.")
