"""`gridcall unreadable`: look at messages nobody could read, repair them and send them again, or dismiss them."""

import json as json_text
import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from app.commands.reading import JSON

unreadable = typer.Typer(
    no_args_is_help=True, help="Messages nobody could read: list, show, fix, edit, replay, dismiss."
)

BEFORE_CHARS = 60
SHOWN_CHARS = 100
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,5})\]")

Id = Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")]


def _api() -> Any:
    from app.commands.client import Api

    return Api()


def _path(unreadable_id: str) -> str:
    from app.commands.client import segment

    return f"/v1/unreadable/{segment(unreadable_id)}"


@unreadable.command("list")
def show_all(
    state: Annotated[str | None, typer.Option(help="Only those: new, replayed or dismissed.")] = None,
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
        (row["id"], row["source"], show.clock(row["last_at"]), row["count"], _state(row), "; ".join(row["problems"]))
        for row in found["unreadables"]
    ]
    head = ("id", "source", "last", "times", "state", "problems")
    show.table(head, [tuple(map(str, row)) for row in rows], empty="Everything could be read.")
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
    times = f", {found['count']} times until {show.clock(found['last_at'])}" if found["count"] > 1 else ""
    sender = f" ({found['sender']})" if found["sender"] else ""
    at = show.clock(found["received_at"])
    typer.echo(f"From {found['source']}{sender} at {at}{times}, {_state(found)}", err=True)
    for problem in found["problems"]:
        typer.echo(f"  {problem}", err=True)
    body = found["repaired"] or found["body"]
    for line in _marked(body.get("text", ""), found["marks"]):
        typer.echo(line, err=True)
    # Only the body goes to standard output: it can be sent to a file, edited and given to `edit`.
    typer.echo(body["text"] if "text" in body else f"base64:{body['base64']}")


def _marked(text: str, marks: Sequence[dict[str, Any]]) -> list[str]:
    """Each place where something is wrong, with a mark below it."""
    lines, shown = text.split("\n"), list[str]()
    for mark in marks:
        if mark["line"] <= len(lines):
            line, at = lines[mark["line"] - 1].rstrip("\r"), mark["column"] - 1
            begin = max(0, at - BEFORE_CHARS)
            part = "".join(c if c.isprintable() else " " for c in line[begin : begin + SHOWN_CHARS])
            shown += [f"line {mark['line']} column {mark['column']}: {mark['problem']}", f"  {part}"]
            shown.append(f"  {' ' * (at - begin)}^")
    return shown


@unreadable.command("fix")
def fix(
    unreadable_id: Id,
    changes: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="E.g. headline='Cut 12.5 MW' or data.instruction.target_mw=12.5; the value is JSON, else text.",
        ),
    ],
    keep: Annotated[bool, typer.Option("--keep", help="Keep it so, and send nothing yet.")] = False,
) -> None:
    """Change fields of a message that is JSON, and send it again if it can be read then."""
    from app.commands.client import CommandError

    found = _api().get(_path(unreadable_id))
    body = found["repaired"] or found["body"]
    try:
        message = json_text.loads(body.get("text", ""))
    except ValueError:
        raise CommandError("it is no JSON: write it to a file with `show`, mend it there, and use `edit`") from None
    for change in changes:
        field, is_one, value = change.partition("=")
        if not is_one:
            raise CommandError(f"expected FIELD=VALUE, found {change}")
        _put(message, field, _value(value))
    _keep(unreadable_id, json_text.dumps(message, ensure_ascii=False), aside=True)
    if not keep:
        _send(unreadable_id)


def _value(text: str) -> Any:
    try:
        return json_text.loads(text)
    except ValueError:
        return text


def _put(message: Any, field: str, value: Any) -> None:
    """Set a field as problems name it, e.g. `data.zones[0].code`; objects on the way are made. Raises CommandError."""
    from app.commands.client import CommandError

    steps = [int(number) if number else name for name, number in _STEP.findall(field)]
    if not steps or _STEP.sub("", field).strip("."):
        raise CommandError(f"expected a field such as headline or data.zones[0].code, found {field or 'nothing'}")
    place, at = message, ""
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        fits = isinstance(place, list) if isinstance(step, int) else isinstance(place, dict)
        if not fits or (isinstance(step, int) and step >= len(place)):
            raise CommandError(f"{at or 'the message'} has no {step}: it cannot be set")
        if following is None:
            place[step] = value
        else:
            place = place[step] if isinstance(step, int) else place.setdefault(step, {})
        at = f"{at}[{step}]" if isinstance(step, int) else f"{at}.{step}".lstrip(".")


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
    _keep(unreadable_id, body, aside=False)
    typer.echo(f"Send it with: gridcall unreadable replay {unreadable_id}")


def _keep(unreadable_id: str, body: str, *, aside: bool) -> None:
    """Keep it and say how it reads, `aside` where an answer follows. Ends with status 1 when that is not at all."""
    found = _api().call("PUT", _path(unreadable_id), json={"body": body})
    for event in found["events"]:
        typer.echo(f"It reads as {event['message_type']} of {event['event_id']}: {event['headline']}", err=aside)
    for problem in found["problems"]:
        typer.echo(f"{problem['field']}: expected {problem['expected']}, found {problem['found']}", err=aside)
    if not found["readable"]:
        raise typer.Exit(1)


@unreadable.command("replay")
def replay(unreadable_id: Id) -> None:
    """Send it again, repaired where it was, and print the answer."""
    _send(unreadable_id)


def _send(unreadable_id: str) -> None:
    from app.commands import show

    answer = _api().send("POST", f"{_path(unreadable_id)}/replay", headers={"Prefer": "wait=2"})
    show.as_json(answer.body)
    if not answer.ok:
        raise typer.Exit(1)


@unreadable.command("dismiss")
def dismiss(
    unreadable_id: Id, reason: Annotated[str, typer.Option("--reason", help="Why nobody needs it; kept in the audit.")]
) -> None:
    """Nobody needs it. Should the same come again, it is new again."""
    _api().call("POST", f"{_path(unreadable_id)}/dismiss", json={"reason": reason})
    typer.echo(f"{unreadable_id} is dismissed.")
