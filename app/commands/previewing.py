"""`gridcall plan` and `say`: what would happen and in which words, worked out here without a server."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.reading import JSON
from model.plan import PERSONAL, WAYS

if TYPE_CHECKING:
    from app.draft import Draft
    from app.preview import Preview, Spoken
    from model.attempt import Words
    from model.call_lengths import Length

CHANNELS = tuple(str(channel) for channel in WAYS)
Message = Annotated[str, typer.Argument(metavar="FILE|-", help="The event; - reads standard input.")]
RosterFile = Annotated[Path | None, typer.Option(help="The roster file; GRIDCALL_ROSTER or the demo's by default.")]
SourceOf = Annotated[str, typer.Option(help="Whose event it is.")]


def plan(file: Message, source: SourceOf = "miso", roster: RosterFile = None, json: JSON = False) -> None:
    """Who would be told of an event now, on which channel and when. Nothing is sent."""
    from app.commands import show
    from app.gantt import gantt

    given = _given(file, source, roster)
    found = given.preview()
    remarks = [*found.plan.remarks, *_not_known_here(given, found)]
    if json:
        show.as_json(_as_data(found, remarks))
        return
    for remark in remarks:
        typer.echo(f"Mind: {remark}.")
    for other in found.event.also:
        called = f", by policy {other.policy}" if other.policy else ""
        typer.echo(f"Team {other.team} is told too{called} (route {other.route}).")
    typer.echo(f"Policy {found.event.policy}; to be accepted by {show.clock(found.event.deadline_at)}.")
    for length in _lengths(found):
        typer.echo(length)
    show.table(("due", "who", "channel", "as", ""), _rows(found), empty="Nobody is told.")
    for line in gantt(found):
        typer.echo(line)


def say(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The event; - reads standard input.")] = "-",
    channel: Annotated[str, typer.Option(help=f"One of {', '.join(CHANNELS)}.")] = "",
    person: Annotated[
        str | None, typer.Option(metavar="ID", help=f"Who is told; needed for {', '.join(PERSONAL)}.")
    ] = None,
    source: SourceOf = "miso",
    roster: RosterFile = None,
    lengths: Annotated[
        bool, typer.Option("--lengths", help="How long the canonical messages are on each channel, instead.")
    ] = False,
    json: JSON = False,
) -> None:
    """The exact words in which an event would be told. Nothing is sent."""
    from app.commands import show

    if lengths:
        _say_lengths()
        return
    if channel not in CHANNELS:
        raise typer.BadParameter(f"expected one of {', '.join(CHANNELS)}, found {channel}", param_hint="--channel")
    words = _given(file, source, roster).words(channel, person)
    if json:
        show.as_json([{"text": w.text, "template": w.template, "payload": w.payload, **_length(w)} for w in words])
    elif channel == "sms":
        for number, part in enumerate(words, 1):
            typer.echo(f"{part.text}\n  part {number} of {len(words)}: {_counted(part)}")
    else:
        typer.echo("\n".join(w.text for w in words))


def _say_lengths() -> None:
    from app import lengths
    from app.serve import DEMO_ROSTER, read_roster

    typer.echo("\n".join(lengths.table(read_roster(DEMO_ROSTER).roster)))


def _given(file: str, source: str, roster_file: Path | None) -> "Draft":
    """Raises CommandError when the event cannot be read or the source is not in the roster."""
    from app.commands.client import CommandError
    from app.commands.sending import read_input
    from app.draft import Draft
    from app.intake_door import feed_of
    from app.serve import DEMO_ROSTER, read_roster
    from config.settings import load_settings
    from intake.read import read
    from model.clock import SystemClock
    from model.reading import Unreadable

    settings, now = load_settings(), SystemClock().now()
    roster = read_roster(roster_file or settings.roster or DEMO_ROSTER).roster
    if source not in roster.sources:
        raise CommandError(f"source {source} is not in the roster, only: {', '.join(roster.sources)}")
    found = read(read_input(file), {"content-type": "application/json"}, feed_of(roster, source), now)
    if len(found) != 1:
        raise CommandError(f"one event at a time, {file} holds {len(found)}")
    if isinstance(found[0], Unreadable):
        raise CommandError(f"the event cannot be read: {found[0].reason}")
    return Draft(found[0], source, roster, settings.help_callback_number or "", now, settings.phones)


def _not_known_here(given: "Draft", found: "Preview") -> Iterator[str]:
    """What only a server that runs can say."""
    if given.roster.sources[given.source].merges and found.plan.rings:
        alike = "events of this source that are alike ring once: where one is under way, it rings for this one"
        yield f"{alike}; POST /v1/plans of what runs says whether"


def _rows(found: "Preview") -> list[Sequence[object]]:
    from app.commands.show import clock

    told = [
        (s.row.due_at, s.row.person or s.row.team, s.row.channel, s.row.group, "; ".join(_notes(found, s)))
        for s in found.spoken
    ]
    return [(clock(due), *rest) for due, *rest in sorted(told, key=lambda row: row[0])]


def _notes(found: "Preview", spoken: "Spoken") -> Iterator[str]:
    """When a line is free for a call, if any, and what may make it needless."""
    from app.commands.show import time_of_day

    row, reach = spoken.row, found.plan.reach
    if row.channel == "voice" and reach is not None:
        ring = next((r for r in reach.rings if (r.person, r.step) == (row.person, row.step)), None)
        if ring is not None:
            yield f"rings at {time_of_day(ring.start)}" if ring.start else "no line in time"
    if spoken.forecast:
        yield "unless somebody accepts"


def _lengths(found: "Preview") -> Iterator[str]:
    """When the last call is over and the last text has left."""
    from app.commands.show import clock

    reach, texts = found.plan.reach, found.texts
    if reach is not None and reach.over_at is not None:
        people = f"{len(reach.rings) - len(reach.unreached)} of {len(reach.rings)} people"
        yield f"Calls: {people} in time, the last one over by {clock(reach.over_at)}; {_each(reach.length)}."
    if texts.parts:
        rate = f"{texts.parts} parts at {texts.per_second:g} a second"
        yield f"Texts: {rate}, the last one leaves by {clock(texts.out_at)}."


def _each(length: "Length") -> str:
    by = f"as {length.calls} past calls teach" if length.calls else "as long as the policy allows"
    return f"each rings {length.ring_seconds} s and lasts {length.call_seconds} s, {by}"


def _as_data(found: "Preview", remarks: list[str]) -> dict[str, Any]:
    from app.api.event_shapes import reach_shape, texts_shape
    from app.gantt import gantt

    event, plan = found.event, found.plan
    return {
        "source": event.source,
        "event_id": event.event_id,
        "policy": event.policy,
        "team": event.team,
        "also": [other._asdict() for other in event.also],
        "deadline_at": event.deadline_at.isoformat(),
        "rings": plan.rings,
        "at_risk": plan.at_risk,
        "remarks": remarks,
        **reach_shape(plan.reach),
        "texts": texts_shape(found.texts),
        "gantt": gantt(found),
        "notifications": [
            {
                "due_at": s.row.due_at.isoformat(),
                "person": s.row.person,
                "team": s.row.team,
                "channel": str(s.row.channel),
                "group": s.row.group,
                "forecast": s.forecast,
                "words": [w.text for w in s.words],
            }
            for s in found.spoken
        ],
    }


def _length(words: "Words") -> dict[str, Any]:
    from notifiers.wording.sms_parts import septets

    return {"septets": septets(words.text)}


def _counted(words: "Words") -> str:
    from notifiers.wording.sms_parts import GSM_SEPTETS, UCS2_UNITS, septets

    count = septets(words.text)
    if count is not None:
        return f"{count} of {GSM_SEPTETS} septets (GSM-7)"
    return f"{len(words.text.encode('utf-16-be')) // 2} of {UCS2_UNITS} characters (UCS-2)"
