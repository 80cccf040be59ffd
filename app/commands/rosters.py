"""`gridcall roster`: the whole roster as one file, taken out, looked at, and brought in force."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from model.roster import Roster

roster = typer.Typer(no_args_is_help=True, help="The whole roster as one file: export, check, apply, load.")

SECONDS = 120.0  # of thousands of people the file is read, and every shift compared

File = Annotated[Path, typer.Argument(metavar="FILE", help="The roster file, whole or not at all.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]
AcceptGaps = Annotated[
    bool, typer.Option("--accept-gaps", help="Also if somebody will be missing, or in two places; with --reason.")
]


@roster.command("export")
def export(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Where to; standard output by default.")] = None,
) -> None:
    """The roster in force as its file, with whole numbers and routing keys, without the keys of the API."""
    from app.commands.client import Api, CommandError

    text = str(Api(seconds=SECONDS).get("/v1/roster"))
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        file.touch(mode=0o600)
        if file.is_file():  # /dev/null stays as it is
            file.chmod(0o600)  # also one that was there: nobody else is to read the numbers
        file.write_text(text)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from None
    typer.echo(f"The roster in force is in {file}")


@roster.command("check")
def check(file: File) -> None:
    """Read a file as `apply` and `load` do; ask nobody, change nothing."""
    from app.serve import read_roster

    found = read_roster(file)
    of = found.roster
    typer.echo(
        f"{file} is right: {len(of.people)} people, {len(of.rotations)} rotations, {len(of.routes)} routes, "
        f"{len(of.sources)} sources, {len(found.keys) or 'no'} keys"
    )
    _mind(of)


@roster.command("apply")
def apply(
    file: File,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and stop.")] = False,
    reason: Reason = "",
    accept_gaps: AcceptGaps = False,
) -> None:
    """Say what a file changes and whose duty, then bring it in force. Without keys in it the keys stay as they are.

    What others changed since it was exported is not undone: that is named, and nothing is applied.
    """
    from app.commands.client import Api, CommandError
    from app.serve import read_roster
    from app.undoing import WAY_ON

    read_roster(file)  # its mistakes are told with the file's own name, and nobody is asked
    api, headers = Api(seconds=SECONDS), {"Content-Type": "application/yaml"}
    body = file.read_bytes()
    planned = api.call("POST", "/v1/roster/plan", content=body, headers=headers)
    if not planned["changes"]:
        typer.echo(f"{file} is in force already, as version {planned['version']}")
        return
    typer.echo("\n".join(lines(planned)))
    if dry_run:
        return
    if planned["undoes"]:
        raise CommandError(f"{file} is not applied: {WAY_ON}")
    if not yes:
        typer.confirm(f"Apply it over version {planned['version']}?", abort=True)
    headers["If-Match"] = f'"{planned["version"]}"'  # what was shown is what will happen
    why = {"reason": reason, "accept_gaps": accept_gaps}
    done = api.call("PUT", "/v1/roster", content=body, headers=headers, params=why)
    typer.echo(f"{file} is in force, as version {done['version']}")
    _stamp(file, body, done["version"])


def _stamp(file: Path, body: bytes, version: int) -> None:
    """From now on it is of that version: who goes on with the file has seen what was in force."""
    from app.undoing import stamped

    text = stamped(body.decode(), version).encode()
    if text == body:
        return
    try:
        if file.read_bytes() != body:  # saved while the question waited for its answer
            typer.echo(
                f"{file} has changed meanwhile and is left as it is. Set its from_version to {version}", err=True
            )
            return
        file.write_bytes(text)
    except OSError as error:
        typer.echo(f"{file} cannot be written: {error.strerror}. Set its from_version to {version}", err=True)


@roster.command("load")
def load(
    file: File,
    if_new: Annotated[
        bool, typer.Option("--if-new", help="Not if it was loaded last: what was changed since by other ways stays.")
    ] = False,
    reason: Reason = "",
    accept_gaps: AcceptGaps = False,
) -> None:
    """On Gridcall's own host: bring a roster and its keys in force. Processes that run take them within two seconds."""
    from app import keeping
    from app.commands.client import CommandError
    from app.roster_saving import Why
    from app.serve import read_roster
    from app.stores import database_place
    from config.settings import load_settings
    from model.clock import SystemClock

    if accept_gaps and not reason.strip():
        raise CommandError("say why gaps are accepted: --reason")
    found, why = read_roster(file), Why(reason=reason, accept_gaps=accept_gaps)
    settings = load_settings()
    loaded = keeping.load(settings, found, SystemClock().now(), again=not if_new, why=why)
    _mind(found.roster, loaded.remarks)
    for line in left(loaded.effect.shown()) if loaded.effect else ():
        typer.echo(line)
    if if_new and loaded.version == loaded.before:
        typer.echo(f"{file} was loaded before; version {loaded.version} is in force")
        return
    same = " already" if loaded.version == loaded.before else ""
    typer.echo(f"{file} is in force{same}, as version {loaded.version}, kept in {database_place(settings)}")


def _mind(found: "Roster", remarks: Sequence[str] = ()) -> None:
    """Say what cannot be kept by the lines that are set here, and what else was remarked."""
    from config.settings import load_settings
    from model.clock import SystemClock
    from routing.within_reach import out_of_reach

    for warning in (*out_of_reach(found, load_settings().phones, SystemClock().now()), *remarks):
        typer.echo(f"Mind: {warning}.")


def lines(edit: Mapping[str, Any]) -> Iterator[str]:
    """What an edit changes, then whose duty, what is wrong with that and what cannot be kept."""
    from app.commands import show

    yield from (change["text"] for change in edit["changes"])
    yield from (f"Mind: {warning}." for warning in edit.get("warnings", ()))
    if edit["effect"]:
        yield "Who is on call changes:"
        yield from (f"  {change['rotation']}: {change['text']}" for change in edit["effect"])
        yield from more(edit["effect_omitted"])
    else:
        yield "Who is on call stays the same."
    yield from left(edit)
    if edit["clocks"]:
        yield "Through the next changes of clocks:"
        yield from (f"  {clock['text']}" for clock in edit["clocks"])
        yield from more(edit["clocks_omitted"])
    if edit.get("undoes"):
        yield "It undoes what was changed since the file was exported:"
        yield from (f"  {one['text']}, by {one['actor']} at {show.clock(one['at'])}" for one in edit["undoes"])


def left(edit: Mapping[str, Any]) -> Iterator[str]:
    if edit["findings"]:
        yield "What it leaves:"
        yield from (f"  {finding['text']}" for finding in edit["findings"])
        yield from more(edit["findings_omitted"])


def more(count: int) -> Iterator[str]:
    if count:
        yield f"  and {count} more"
