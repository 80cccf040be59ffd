"""The events by which silence is told, as canonical statements. Pure, and the same however often they are made."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from heartbeat import beats
from model.event import Action, EndKind, MessageType, Phase, Severity
from model.monitor import LATE
from model.roster import Heartbeat, Source

Statement = dict[str, Any]

NAMED = 20


def silence_id(source: str, since: datetime) -> str:
    """The event id of a silence that began when the source was last heard, to the second."""
    return f"silence/{source}/{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def late_id(silence_id: str) -> str:
    """What is said before the alarm is an event of its own: it calls nobody."""
    return f"{LATE}{silence_id.removeprefix('silence/')}"


def together_id(since: datetime) -> str:
    """The event id of a time in which most sources are silent, from the last word that any of them said."""
    return f"all-silent/{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def since_of(silence_id: str) -> datetime:
    return datetime.fromisoformat(silence_id.rpartition("/")[2])


def outage_id(since: datetime) -> str:
    """The event id of a time in which nobody here listened, to the second."""
    return f"outage/{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def outage(since: datetime, until: datetime) -> Statement:
    """It is over when it can be told: it calls nobody, and ends by itself."""
    told = _statement(
        outage_id(since),
        1,
        MessageType.NEW,
        Severity.NOTICE,
        until,
        headline=f"Nothing could come in for {duration(until - since)}, from {_at(since, until)}",
        text=f"Gridcall did not listen from {since:%H:%M:%S} to {until.astimezone(UTC):%H:%M:%S} UTC: what was sent "
        "then, and not sent again, is missing. The silence of sources is told later than usual: each has a new period.",
    )
    return told | {"end_kind": EndKind.SCHEDULED, "ends_at": until.isoformat()}


def never_heard_id(source: str) -> str:
    return f"never-heard/{source}"


def never_heard(source: str, told_at: datetime) -> Statement:
    """It calls nobody, and ends by itself. Told once: it names the source by its id, which does not change."""
    told = _statement(
        never_heard_id(source),
        1,
        MessageType.NEW,
        Severity.NOTICE,
        told_at,
        headline=f"{source} was never heard: its silence is no alarm yet",
        text=f"It is expected for an hour. Let it beat (gridcall beat {source}), or give it heartbeat: none. "
        "This is told once.",
    )
    ends_at = told_at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return told | {"issued_at": None, "end_kind": EndKind.SCHEDULED, "ends_at": ends_at.isoformat()}


def late(source: Source, heartbeat: Heartbeat, silence_id: str, told_at: datetime) -> Statement:
    return _statement(
        late_id(silence_id),
        1,
        MessageType.NEW,
        Severity.NOTICE,
        told_at,
        headline=f"{source.name} is late: nothing heard since {_at(since_of(silence_id), told_at)}",
        text=_expected(heartbeat),
    )


def _expected(heartbeat: Heartbeat) -> str:
    if heartbeat.cron:
        return (
            f"Expected at {heartbeat.cron} ({heartbeat.timezone}). People are called when nothing is heard "
            f"{_seconds(2 * heartbeat.grace_seconds)} after that."
        )
    return (
        f"Expected every {_seconds(heartbeat.period_seconds)}. People are called when nothing is heard for "
        f"{_seconds(heartbeat.period_seconds + heartbeat.grace_seconds)}."
    )


def silence(source: Source, silence_id: str, told_at: datetime) -> Statement:
    look = f"look in {source.also_confirm} and " if source.also_confirm else ""
    return _statement(
        silence_id,
        1,
        MessageType.NEW,
        Severity.CRITICAL,
        told_at,
        headline=f"{source.name} has been silent since {_at(since_of(silence_id), told_at)}",
        text=f"Instructions may be missed: {look}check the connection.",
    )


def together(silence_id: str, names: Sequence[str], of: int, told_at: datetime) -> Statement:
    """Most sources at once: it is hardly them."""
    return _statement(
        silence_id,
        1,
        MessageType.NEW,
        Severity.CRITICAL,
        told_at,
        headline=f"{len(names)} of {of} sources are silent since {_at(since_of(silence_id), told_at)}: our link?",
        text="Nothing may be reaching Gridcall: look at its own connection and intake, and at the issuers' displays. "
        f"Their own alarms are held back while this one stands. Not heard: {_listed(names)}.",
    )


def together_is_over(silence_id: str, heard_at: datetime) -> Statement:
    return _statement(
        silence_id,
        2,
        MessageType.TERMINATE,
        Severity.CRITICAL,
        heard_at,
        headline=f"Most sources are heard again after {duration(heard_at - since_of(silence_id))}",
        text="Who is still silent has an alarm of its own from now on.",
    )


def late_is_silent(source: Source, silence_id: str, told_at: datetime) -> Statement:
    """The notice has become an alarm, which tells everybody: this closes it, and its line says where to look."""
    headline = f"{source.name} is silent now, see {silence_id}"
    return _statement(late_id(silence_id), 2, MessageType.TERMINATE, Severity.INFO, told_at, headline=headline)


def late_is_over(source: Source, silence_id: str, heard_at: datetime) -> Statement:
    """A beat that comes as often as it must is late again and again: what to do about it is said."""
    since = since_of(silence_id)
    told = _heard_again(source, late_id(silence_id), since, heard_at, Severity.NOTICE)
    if (advice := beats.advice(source, heard_at - since)) is not None:
        told["text"] = f"{told['text']} {advice}"
    return told


def silence_is_over(source: Source, silence_id: str, heard_at: datetime) -> Statement:
    return _heard_again(source, silence_id, since_of(silence_id), heard_at, Severity.CRITICAL)


def nobody_listens(source: str, silence_id: str, told_silent: bool, at: datetime) -> Statement:
    """The source left the roster, or its heartbeat was taken away, in the middle of what was told of it."""
    return _statement(
        silence_id if told_silent else late_id(silence_id),
        2,
        MessageType.TERMINATE,
        Severity.CRITICAL if told_silent else Severity.NOTICE,
        at,
        headline=f"{source} is no longer expected to be heard",
        text="It was changed in the roster. Nothing was heard of it since.",
    )


def _heard_again(source: Source, event_id: str, since: datetime, heard_at: datetime, severity: Severity) -> Statement:
    return _statement(
        event_id,
        2,
        MessageType.TERMINATE,
        severity,
        heard_at,
        headline=f"{source.name} is heard again after {duration(heard_at - since)}",
        text=f"Nothing was heard from {since:%H:%M:%S} to {heard_at.astimezone(UTC):%H:%M:%S} UTC.",
    )


def _statement(
    event_id: str,
    revision: int,
    message_type: MessageType,
    severity: Severity,
    at: datetime,
    *,
    headline: str,
    text: str = "",
) -> Statement:
    return {
        "event_id": event_id,
        "revision": revision,
        "message_type": message_type,
        "issuer": "Gridcall",
        "program": "GRIDCALL",
        "phase": Phase.TERMINATION if message_type.ends else Phase.ALERT,
        "severity": severity,
        "issued_at": at.isoformat(),
        "instruction": {"action": Action.INFORMATIONAL},
        "headline": headline,
        "text": text,
    }


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _at(instant: datetime, told_at: datetime) -> str:
    """ "02:14 UTC", with the day where it was another one."""
    day = "" if instant.date() == told_at.astimezone(UTC).date() else f"{instant:%b} {instant.day}, "
    return f"{day}{instant:%H:%M} UTC"


def _seconds(seconds: int) -> str:
    return duration(timedelta(seconds=seconds))


def duration(length: timedelta) -> str:
    """ "45 seconds", "12 minutes", "2 hours 5 minutes": as exact as people need it."""
    seconds = int(length.total_seconds())
    if seconds < 120:
        return _count(seconds, "second") if seconds != 60 else "1 minute"
    hours, minutes = divmod(seconds // 60, 60)
    if hours < 2:
        return _count(seconds // 60, "minute")
    return " ".join(_count(n, unit) for n, unit in ((hours, "hour"), (minutes, "minute")) if n)


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
