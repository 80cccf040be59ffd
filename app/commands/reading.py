"""`gridcall oncall`, `events` and `event`: who is on call, and what became of an event."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer

JSON = Annotated[bool, typer.Option("--json", help="Print what the API answered.")]
VERBS = {"acknowledge": "accepted", "cannot_comply": "cannot comply"}


def oncall(
    at: Annotated[
        str | None, typer.Option(help='When: "Sun 02:30", "tomorrow 17:00", an ISO date and time; now by default.')
    ] = None,
    tz: Annotated[str | None, typer.Option(help="By the clock of this timezone; this machine's by default.")] = None,
    team: Annotated[str | None, typer.Option(help="Of which team; all by default.")] = None,
    json: JSON = False,
) -> None:
    """Who is on call, and who of them is awake."""
    from app.commands import show
    from app.commands.client import Api
    from app.commands.moments import moment, zone_of
    from model.clock import SystemClock

    zone = zone_of(tz) if tz else None
    asked = moment(at, zone, SystemClock().now()) if at else None
    found = Api().get("/v1/oncall", at=asked and asked.at.isoformat(), team=team)
    if asked and asked.remark:
        typer.echo(asked.remark, err=True)
    if json:
        show.as_json(found)
        return
    typer.echo(f"On call at {show.clock(found['at'], zone)}:")
    rows = [
        (rotation["id"], person["name"], group["timezone"], "awake" if person["awake"] else "asleep", until)
        for rotation in found["rotations"]
        for until in [show.clock(rotation["until"], zone)]
        for group in rotation["groups"]
        for person in group["people"]
    ]
    show.table(("rotation", "person", "timezone", "", "until"), rows, empty="Nobody.")


def events(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 20,
    after: Annotated[str | None, typer.Option(help="Go on after this cursor.")] = None,
    json: JSON = False,
) -> None:
    """The newest events with their verdicts."""
    from app.commands import show
    from app.commands.client import Api

    found = Api().get("/v1/events", limit=limit, after=after)
    if json:
        show.as_json(found)
        return
    rows = [
        (show.clock(e["received_at"]), e["source"], e["event_id"], e["status"], _outcome(e["verdict"]), _marked(e))
        for e in found["events"]
    ]
    show.table(("received", "source", "event", "status", "verdict", "headline"), rows, empty="No events yet.")
    if found["next"]:
        typer.echo(f"There are more: --after {found['next']}")


def event(
    source: Annotated[str, typer.Argument(help="Who sent it.")],
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The event's id.")],
    json: JSON = False,
) -> None:
    """The story of one event: who was told, when, what they answered, and the verdict."""
    from app.commands import show
    from app.commands.client import Api, segment

    found = Api().get(f"/v1/events/{segment(source)}/{segment(event_id)}")
    if json:
        show.as_json(found)
        return
    typer.echo("\n".join(_head(found)))
    typer.echo("")
    show.table(("time", "what happened"), _story(found), empty="Nothing happened yet.")


def _head(found: Mapping[str, Any]) -> Iterator[str]:
    from app.commands.show import clock

    yield f"{found['headline']}"
    mode = "" if found["mode"] == "actual" else f", {found['mode'].upper()}"
    yield f"{found['source']} {found['event_id']}, revision {found['revision']}, {found['status']}{mode}"
    yield f"received {clock(found['received_at'])}, to be accepted by {clock(found['deadline_at'])}"
    verdict = found["verdict"]
    yield f"verdict: {verdict['outcome']}, {verdict['reason']}" if verdict else "no verdict yet"
    if told := found["verdict_lines"]["issuer"]:
        yield f"issuer: {told['outcome']}, {told['reason']}"
    if confirm := found["acknowledgements"]["also_confirm"]:
        yield f"to be confirmed in {confirm} as well"


def _marked(event: Mapping[str, Any]) -> str:
    """What is not real says so first."""
    mode, headline = str(event["mode"]).upper(), str(event["headline"])
    return headline if mode == "ACTUAL" or headline.upper().startswith(mode) else f"{mode} {headline}"


def _outcome(verdict: Mapping[str, Any] | None) -> str:
    return verdict["outcome"] if verdict else ""


def _story(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What people noticed, in order; times to the second."""
    from app.commands.show import time_of_day

    coming = sorted(_coming(found["plan"]))
    return [(time_of_day(at), what) for at, what in [*happened(found), *coming]]


Line = tuple[str, str]


def happened(found: Mapping[str, Any]) -> list[Line]:
    """Of an event as the API tells it: when, and what, in order."""
    return sorted([*_said(found["revisions"]), *_told(found["plan"]["notifications"]), *_settled(found)])


def _said(revisions: Iterable[Mapping[str, Any]]) -> Iterator[Line]:
    for revision in revisions:
        changes = f" ({'; '.join(revision['changes'])})" if revision["changes"] else ""
        yield revision["received_at"], f"received revision {revision['number']}{changes}"


def _told(rows: Iterable[Mapping[str, Any]]) -> Iterator[Line]:
    for row in rows:
        whom = row["person"] or row["team"] or ""
        what = f"{row['channel'].replace('_', ' ')} {row['kind'].replace('_', ' ')} to {whom}"
        if row["sent_at"]:
            yield row["sent_at"], f"{what}{_ended(row)}"
        elif row["state"] == "failed":
            yield row["due_at"], f"{what} failed: {row['reason']}"
        if row["answered_at"]:
            yield row["answered_at"], f"{whom} picked up"


def _ended(row: Mapping[str, Any]) -> str:
    if row["state"] in ("failed", "unknown", "expired"):
        return f": {row['state']}, {row['reason']}".rstrip(", ")
    return f" ({row['reason']})" if row["reason"] else ""


def _settled(found: Mapping[str, Any]) -> Iterator[Line]:
    for reply in found["replies"]:
        verb = VERBS.get(reply["reply"], reply["reply"])
        yield reply["received_at"], f"{reply['person']} {verb} ({reply['channel']}, revision {reply['revision']})"
    for ack in found["acknowledgements"]["issuer"]:
        yield ack["at"], f"{ack['person']} told the issuer ({ack['how']}, revision {ack['revision']})"
    for verdict in found["verdicts"]:
        whose = f" for {verdict['person']}" if verdict["person"] else ""
        yield verdict["at"], f"verdict{whose}: {verdict['outcome']}, {verdict['reason']}"


def _coming(plan: Mapping[str, Any]) -> Iterator[Line]:
    for row in plan["notifications"]:
        if row["state"] == "pending":
            held = f", held back: {row['hold']}" if row["hold"] else ""
            whom = row["person"] or row["team"] or ""
            yield row["due_at"], f"to come: {row['channel'].replace('_', ' ')} to {whom}{held}"
    for step in plan["forecast"]:
        people = ", ".join(p["person"] for p in step["people"]) or "nobody"
        yield step["due_at"], f"to come unless somebody accepts: step {step['step']}, {people}"
