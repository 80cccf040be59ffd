"""The event of the benchmarks as the router keeps it, for those that begin behind the queue."""

from datetime import datetime, timedelta

from bench import event
from intake.read import read
from model.event import Event, EventStatus, Revision, Severity
from model.ids import SystemIds
from model.reading import Feed, Reading

IDS = SystemIds()
JSON = {"content-type": "application/json"}


def issued(now: datetime, *, policy: str, seconds: float = 3600) -> Event:
    """One that came now, for team ops; `seconds` until its deadline."""
    event_id, body = event.body()
    [reading] = read(body, JSON, Feed(source="bench"), now)
    assert isinstance(reading, Reading)
    said = Revision(number=1, content=reading.content, digest=reading.digest, delivery_id=IDS.new(), received_at=now)
    until = now + timedelta(seconds=seconds)
    return Event(
        pk=IDS.new(),
        source="bench",
        event_id=event_id,
        status=EventStatus.OPEN,
        severity=Severity.CRITICAL,
        revisions=(said,),
        answer_revision=1,
        received_at=now,
        deadline_at=until,
        work_until=until,
        route="all",
        policy=policy,
        team="ops",
        roster_version=1,
    )
