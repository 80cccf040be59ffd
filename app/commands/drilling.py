"""`gridcall drill`: the road of an emergency, walked on purpose."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from app.commands.client import Api

EVERY_SECONDS = 1.0
NOT_DECIDED_YET = 404
GIVEN_UP_AFTER = 60  # looks at an event that is not decided yet
DECIDED = ("met", "missed", "not_needed")


def drill(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE|-]", help="The event to play; one made up by default.")
    ] = None,
    source: Annotated[str, typer.Option(help="Whose event it is played as.")] = "miso",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before phones ring.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not tell what happens until the verdict.")] = False,
) -> None:
    """Ring the people who would be rung now, as a drill, and say whether the deadline was kept.

    The exit code is 0 when it was, 1 when it was missed. With --no-wait 0 as soon as it is accepted.
    """
    from app.commands import show
    from app.commands.client import Api, CommandError, segment

    api = Api()
    event_id, body = _event(file, source)
    planned = api.call("POST", "/v1/plans", json=body, params={"source": source})
    _be_sure(planned, event_id)
    for line in _would_ring(planned):
        typer.echo(line)
    if not yes and not typer.confirm("Let these phones ring, as a drill?"):
        raise CommandError("no phone rings: say --yes where nobody can be asked")
    accepted = api.call("POST", f"/v1/sources/{segment(source)}/events", json=body, headers={"Prefer": "wait=2"})
    path = f"/v1/events/{segment(source)}/{segment(event_id)}"
    typer.echo(f"{accepted['event_id']} is sent, to be accepted by {show.clock(accepted['deadline_at'])}")
    if no_wait:
        return
    if _followed(api, path) != "met":
        raise typer.Exit(1)


def _would_ring(planned: dict[str, Any]) -> list[str]:
    if planned["rings"] and planned["gantt"]:
        return list(planned["gantt"])
    nobody = "PagerDuty would call, and Gridcall when nobody accepts." if planned["rings"] else "No phone would ring."
    return [*planned["remarks"], nobody]


def _event(file: str | None, source: str) -> tuple[str, dict[str, Any]]:
    """What is played, a drill under an id of its own: the id and the body. Raises CommandError for no JSON object."""
    import json

    from app.commands.client import CommandError
    from app.commands.sending import FAST, read_input
    from intake.examples import example
    from model.clock import SystemClock
    from model.ids import SystemIds

    now = SystemClock().now()
    event_id = f"drill/{now:%Y-%m-%dT%H:%M:%SZ}/{SystemIds().code(4)}"
    if file is None:
        return event_id, example("drill", now, event_id, speed="fast" if source == FAST else "normal")
    try:
        given = json.loads(read_input(file))
    except ValueError as error:
        raise CommandError(f"{file} is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise CommandError(f"{file}: one event, a JSON object, was expected")
    return event_id, _as_drill(given, event_id)


def _as_drill(given: dict[str, Any], event_id: str) -> dict[str, Any]:
    """The event made a drill where its reader looks: in the data of a CloudEvent, which is another one then."""
    from intake.cloudevents import is_envelope

    drill = {"event_id": event_id, "mode": "drill", "revision": 1, "message_type": "new"}
    if not is_envelope(given):
        return given | drill
    data = given.get("data")
    if not isinstance(data, dict):
        return given  # encoded, or nothing: it is read as what it is, which `_be_sure` refuses
    return given | {"id": event_id, "subject": event_id, "data": data | drill}


def _be_sure(planned: dict[str, Any], event_id: str) -> None:
    """Raises CommandError unless Gridcall itself reads a drill under this id: its formats are the roster's affair."""
    from app.commands.client import CommandError

    mode, read_as = planned.get("mode"), planned["event_id"]
    if mode != "drill" or read_as != event_id:
        raise CommandError(
            f"nothing is sent: Gridcall would read this as {mode or 'of no known mode'}, event {read_as}, "
            "not as a drill; give a canonical event or a CloudEvent, and a --source that sends these"
        )


def _followed(api: "Api", path: str) -> str:
    """Print what happens, as it does, until there is an outcome. Raises CommandError when nothing is ever decided."""
    from app.commands import show
    from app.commands.client import CommandError, refused
    from app.commands.reading import happened

    told: set[tuple[str, str]] = set()
    undecided = 0
    while True:
        answer = api.send("GET", path)
        if answer.status == NOT_DECIDED_YET:
            undecided += 1
            if undecided == GIVEN_UP_AFTER:
                raise CommandError("it was sent, and a minute later nothing is known of it: look at /statusz")
            pause(EVERY_SECONDS)
            continue
        if not answer.ok:
            refused(answer)
        found = answer.body
        for line in happened(found):
            if line not in told:
                told.add(line)
                typer.echo(f"{show.time_of_day(line[0])}  {line[1]}")
        if found["verdict"] and found["verdict"]["outcome"] in DECIDED:
            return str(found["verdict"]["outcome"])
        pause(EVERY_SECONDS)


def pause(seconds: float) -> None:
    import asyncio

    from model.clock import SystemClock

    clock = SystemClock()
    asyncio.run(clock.sleep_until(clock.now() + timedelta(seconds=seconds)))
