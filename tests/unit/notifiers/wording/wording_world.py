"""The canonical MISO EDR chain as values, and one call to render from it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from model.event import (
    Action,
    Content,
    EndKind,
    Event,
    EventStatus,
    Instruction,
    MessageType,
    Mode,
    Phase,
    ResourceRef,
    Revision,
    Severity,
    Zone,
)
from model.plan import ChannelName, Kind, Notification
from model.roster import OWN_SOURCE, Person, Resource, Source
from notifiers.wording import WordingContext, render


def at(text):
    return datetime.fromisoformat(f"2026-07-14T{text}+00:00")


NOW = at("17:59:00")
RECEIVED = at("17:58:41")
NEW = Content(
    message_type=MessageType.NEW,
    issuer="MISO",
    program="EDR",
    phase=Phase.EVENT,
    phase_detail="Max Gen Event Step 2",
    nerc_eea=2,
    severity=Severity.CRITICAL,
    issued_at=at("17:58:40"),
    ack_due_at=at("18:08:40"),
    effective_at=at("18:30:00"),
    ends_at=at("22:30:00"),
    end_kind=EndKind.UNTIL_RELEASED,
    instruction=Instruction(action=Action.REDUCE_LOAD, target_mw=12.5, mandatory=True),
    zones=(Zone(scheme="MISO-LRZ", code="4"),),
    resources=(ResourceRef(scheme="MISO-EPNODE", code="ACME.FOUNDRY1", target_mw=12.5),),
    headline="MISO EDR: cut 12.5 MW by 13:30 EST, zone 4",
    text="MISO Max Gen Event Step 2. Reduce 12.5 MW no later than 13:30 EST, "
    "hold until released (scheduled 17:30 EST).",
    contact="MISO Client Relations",
    source_timezone="Etc/GMT+5",
)
UPDATE = replace(
    NEW,
    message_type=MessageType.UPDATE,
    issued_at=at("20:41:09"),
    ends_at=at("23:30:00"),
    headline="MISO EDR EXTENDED: hold 12.5 MW to 18:30 EST",
    text="Extended one hour. Hold 12.5 MW until released (scheduled 18:30 EST).",
)
CANCEL = replace(
    NEW,
    message_type=MessageType.CANCEL,
    issued_at=at("18:06:00"),
    instruction=Instruction(action=Action.NONE, target_mw=0.0),
    headline="MISO EDR CANCELLED before start: take no action",
    text="Dispatch cancelled before 13:30 EST start. Do not reduce.",
)
TERMINATE = replace(
    NEW,
    message_type=MessageType.TERMINATE,
    phase=Phase.TERMINATION,
    severity=Severity.WARNING,
    issued_at=at("21:45:00"),
    effective_at=at("21:45:00"),
    ends_at=at("21:45:00"),
    instruction=Instruction(action=Action.RELEASE, target_mw=0.0),
    headline="MISO EDR RELEASED: return to normal from 16:45 EST",
    text="Event terminated 16:45 EST. Resources released.",
)
DRILL = replace(NEW, mode=Mode.DRILL, severity=Severity.INFO, headline="DRILL - MISO EDR drill, no action")
SITE = Resource(
    scheme="MISO-EPNODE",
    code="ACME.FOUNDRY1",
    name="Foundry 1",
    zone="4",
    timezone="America/Chicago",
    contracted_mw=12.5,
)
ANA = Person(id="ana", name="Ana", timezone="America/Chicago")
CONTEXT = WordingContext(
    source=Source(id="miso", name="MISO feed", also_confirm="MCS"),
    sites=(SITE,),
    team_name="Operations",
    code="A",
    accepted_by=("Ana", at("17:59:30")),
    callback_number="+13125550100",
)


def event(*contents, event_id="MISO-EDR-2026-07-14-0007", changes=(), received_at=RECEIVED, work=600):
    revisions = tuple(
        Revision(
            number=n,
            content=c,
            digest="",
            delivery_id="d",
            received_at=received_at,
            changes=changes if n == len(contents) else (),
        )
        for n, c in enumerate(contents, 1)
    )
    deadline = received_at + timedelta(seconds=599)
    return Event(
        pk="e1",
        source=OWN_SOURCE if event_id.startswith(("late/", "silence/", "unreadable/")) else "miso",
        event_id=event_id,
        status=EventStatus.OPEN,
        severity=Severity.CRITICAL,
        revisions=revisions,
        answer_revision=len(revisions),
        received_at=received_at,
        deadline_at=deadline,
        work_until=deadline,
        route="r",
        policy="p",
        team="ops",
        roster_version=1,
    )


def say(
    channel,
    content=NEW,
    kind=Kind.ALERT,
    now=NOW,
    person=ANA,
    ctx=CONTEXT,
    details=None,
    ev=None,
    revision=None,
    **more,
):
    e = ev or event(content, **more)
    return render(row(channel, kind, e, now, person, details, revision), e, person, ctx, now)


def row(channel, kind, e, now=NOW, person=ANA, details=None, revision=None):
    return Notification(
        id="n1",
        event_pk=e.pk,
        revision=revision or e.latest.number,
        kind=kind,
        channel=ChannelName(channel),
        address="x",
        due_at=now,
        until=now,
        lane=0,
        person=person.id if person else None,
        details=details or {},
    )


def text(channel, *args, **kw):
    (words,) = say(channel, *args, **kw)
    return words.text


__all__ = ["UTC", "at", "event", "say", "text"]
