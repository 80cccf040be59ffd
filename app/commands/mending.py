"""`gridcall unreadable`: look at messages nobody could read, repair them, send them again."""

from typing import Annotated, Any

import typer

from app.commands.reading import JSON

unreadable = typer.Typer(no_args_is_help=True, help="Messages nobody could read: list, show, edit, replay.")

Id = Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")]


def _api() -> Any:
    from app.commands.client import Api

    return Api()


def _path(unreadable_id: str) -> str:
    from app.commands.client import segment

    return f"/v1/unreadable/{segment(unreadable_id)}"


@unreadable.command("list")
def show_all(
    state: Annotated[str | None, typer.Option(help="Only those: new or replayed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 20,
    after: Annotated[str | None, typer.Option(help="Go on after this cursor.")] = None,
    json: JSON = False,
) -> None:
    """The newest first."""
    from app.commands import show

    found = _api().get("/v1/unreadable", state=state, limit=limit, after=after)
    if json:
        show.as_json(found)
        return
    rows = [
        (row["id"], row["source"], show.clock(row["received_at"]), _state(row), "; ".join(row["problems"]))
        for row in found["unreadables"]
    ]
    show.table(("id", "source", "received", "state", "problems"), rows, empty="Everything could be read.")
    if found["next"]:
        typer.echo(f"There are more: --after {found['next']}")


def _state(row: dict[str, Any]) -> str:
    return "repaired" if row["state"] == "new" and row["is_repaired"] else str(row["state"])


@unreadable.command("show")
def show_one(unreadable_id: Id, json: JSON = False) -> None:
    """One message whole: what is wrong, and its body (the repaired one where there is one)."""
    from app.commands import show

    found = _api().get(_path(unreadable_id))
    if json:
        show.as_json(found)
        return
    typer.echo(f"From {found['source']} at {show.clock(found['received_at'])}, {_state(found)}", err=True)
    for problem in found["problems"]:
        typer.echo(f"  {problem}", err=True)
    body = found["repaired"] or found["body"]
    # Only the body goes to standard output: it can be sent to a file, edited and given to `edit`.
    typer.echo(body["text"] if "text" in body else f"base64:{body['base64']}")


@unreadable.command("edit")
def edit(
    unreadable_id: Id, file: Annotated[str, typer.Argument(metavar="FILE|-", help="The repaired body, whole.")]
) -> None:
    """Keep a repaired body beside the original and say how it reads now; nothing is sent before `replay`."""
    from app.commands.client import CommandError
    from app.commands.sending import read_input

    try:
        body = read_input(file).decode()
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8 text") from None
    found = _api().call("PUT", _path(unreadable_id), json={"body": body})
    for event in found["events"]:
        typer.echo(f"It reads as {event['message_type']} of {event['event_id']}: {event['headline']}")
    for problem in found["problems"]:
        typer.echo(f"{problem['field']}: expected {problem['expected']}, found {problem['found']}")
    if not found["readable"]:
        raise typer.Exit(1)
    typer.echo(f"Send it with: gridcall unreadable replay {unreadable_id}")


@unreadable.command("replay")
def replay(unreadable_id: Id) -> None:
    """Send it again, repaired where it was, and print the answer."""
    from app.commands import show

    answer = _api().send("POST", f"{_path(unreadable_id)}/replay", headers={"Prefer": "wait=2"})
    show.as_json(answer.body)
    if not answer.ok:
        raise typer.Exit(1)
