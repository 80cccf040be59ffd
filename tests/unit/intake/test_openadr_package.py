"""The `openadr3` package as a server that notifies: what its models of 3.1 write, we read.

It has no part that posts, so the notification is made here: with the names of the HTTP webhook (`objectType`), and as
the package itself has them (`object_type`, from the notifications over MQTT).
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openadr3.entities.raw import (
    RawEvent,
    RawEventPayloadDescriptor,
    RawInterval,
    RawIntervalPeriod,
    RawNotification,
    RawValuesMap,
)

from intake.read import read
from model.event import Action, MessageType, TargetKind
from model.reading import Feed, Reading

NOW = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)
ORDER = RawInterval(id=0, payloads=[RawValuesMap(type="DISPATCH_SETPOINT_RELATIVE", values=[-12500.0])])
EVENT = RawEvent(
    id="e-1",
    created_date_time="2026-07-14T17:58:41Z",
    modification_date_time="2026-07-14T17:59:00Z",
    program_id="44",
    event_name="Step 2",
    priority=0,
    targets=["lrz-4"],
    payload_descriptors=[
        RawEventPayloadDescriptor(
            object_type="EVENT_PAYLOAD_DESCRIPTOR", payload_type="DISPATCH_SETPOINT_RELATIVE", units="KW"
        )
    ],
    interval_period=RawIntervalPeriod(start="2026-07-14T18:30:00Z", duration="PT4H"),
    intervals=[ORDER],
)


def over_http(operation: str, event: RawEvent) -> dict[str, Any]:
    return {
        "objectType": "EVENT",
        "operation": operation,
        "object": event.model_dump(by_alias=True, exclude_none=True),
    }


def as_packaged(operation: str, event: RawEvent) -> dict[str, Any]:
    said = event.model_dump(by_alias=True, exclude_none=True)
    return RawNotification(object_type="EVENT", operation=operation, object=said).model_dump(exclude_none=True)


@pytest.mark.parametrize("notification", [over_http, as_packaged])
def test_an_event_its_change_and_its_end(notification) -> None:
    changed = EVENT.model_copy(update={"modification_date_time": "2026-07-14T18:05:00Z"})
    found = []
    for operation, event in (("CREATE", EVENT), ("UPDATE", changed), ("DELETE", changed)):
        body = json.dumps(notification(operation, event)).encode()
        [reading] = read(body, {"content-type": "application/json"}, Feed(source="vtn", format="openadr"), NOW)
        assert isinstance(reading, Reading), reading
        found.append(reading)
    created, updated, deleted = (reading.content for reading in found)
    assert {reading.event_id for reading in found} == {"e-1"}
    assert (created.message_type, created.instruction.action) == (MessageType.NEW, Action.REDUCE_LOAD)
    assert (created.instruction.target_mw, created.instruction.target_kind) == (12.5, TargetKind.RELATIVE)
    assert created.effective_at == NOW + timedelta(minutes=30)
    assert created.ends_at == NOW + timedelta(hours=4, minutes=30)
    assert [resource.code for resource in created.resources] == ["lrz-4"]
    assert updated.message_type is MessageType.UPDATE
    assert deleted.message_type.ends
