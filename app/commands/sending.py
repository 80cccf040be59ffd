"""`gridcall example`, `send` and `beat`: what an upstream system does."""

from pathlib import Path
from typing import Annotated

import typer

KINDS = ("edr", "update", "cancel", "terminate", "drill", "bad")
FAST = "miso-fast"


def example(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")],
    source: Annotated[str, typer.Option(help="The source it is for; miso-fast has the short deadlines.")] = "miso",
    event_id: Annotated[str | None, typer.Option(help="Of which event; a fresh one by default.")] = None,
    revision: Annotated[int | None, typer.Option(min=1, help="Which revision of it.")] = None,
) -> None:
    """Print an event to try things with, its times counted from now."""
    import json

    from intake.examples import example as made
    from model.clock import SystemClock
    from model.ids import SystemIds

    if kind not in KINDS:
        raise typer.BadParameter(f"expected one of {', '.join(KINDS)}, found {kind}", param_hint="KIND")
    now = SystemClock().now()
    fresh = f"MISO-EDR-{now:%Y-%m-%d-%H%M%S}-{SystemIds().code(4)}"
    speed = "fast" if source == FAST else "normal"
    typer.echo(json.dumps(made(kind, now, event_id or fresh, revision=revision, speed=speed), indent=2))


def send(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The message; - reads standard input.")],
    source: Annotated[str | None, typer.Option(help="Whose message it is; the key's own source by default.")] = None,
    content_type: Annotated[str, typer.Option(help="How the message is labelled.")] = "application/json",
) -> None:
    """Send a message and print the answer; the exit code is 0 when it was accepted."""
    from app.commands import show
    from app.commands.client import Api, segment

    body = read_input(file)
    api = Api(demo_key=_demo_key(source))
    path = f"/v1/sources/{segment(source)}/events" if source else "/v1/events"
    headers = {"Content-Type": content_type, "Prefer": "wait=2"}
    answer = api.send("POST", path, content=body, headers=headers)
    show.as_json(answer.body)
    if not answer.ok:
        raise typer.Exit(1)


def beat(source: Annotated[str, typer.Argument(help="Which source is alive.")]) -> None:
    """Say that a source is alive though it has nothing to say."""
    from app.commands import show
    from app.commands.client import Api, segment

    heard = Api(demo_key=_demo_key(source)).call("POST", f"/v1/sources/{segment(source)}/heartbeat")
    typer.echo(f"{heard['source']} was heard at {show.clock(heard['heard_at'])}")


def link(
    source: Annotated[str, typer.Argument(help="Whose heartbeats come to it.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="The address leads nowhere any more.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why; kept in the audit.")] = None,
) -> None:
    """Make a secret address at which the source says that it is alive; the former one leads nowhere then."""
    from app.commands.client import Api, segment

    path, given = f"/v1/sources/{segment(source)}/ping-link", {"reason": reason} if reason else {}
    if revoke:
        Api().call("DELETE", path, params=given)
        typer.echo(f"The ping link of {source} is revoked.")
        return
    made = Api().call("POST", path, params=given)
    typer.echo(made["url"])
    typer.echo("It is shown only now. GET, HEAD or POST it about every two minutes.", err=True)


def _demo_key(source: str | None) -> str:
    return {None: "demo-upstream", "miso": "demo-upstream", FAST: "demo-fast"}.get(source, "demo-admin")


def read_input(file: str) -> bytes:
    """The bytes of a file, or of standard input for "-"."""
    import sys

    from app.commands.client import CommandError

    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from None
