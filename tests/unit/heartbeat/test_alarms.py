"""What is said about a silence: readable by the ordinary road, short, and the same each time it is made."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from heartbeat import alarms
from intake.read import read
from model.event import MessageType, Severity
from model.reading import Feed, Reading
from model.roster import Heartbeat, Source

SINCE = datetime(2026, 7, 14, 2, 14, 5, 123456, tzinfo=UTC)
TOLD = SINCE + timedelta(seconds=360)
HEARD = SINCE + timedelta(minutes=12, seconds=3)
MISO = Source(id="miso", name="MISO", also_confirm="MCS")
ID = alarms.silence_id("miso", SINCE)


def reading(statement):
    headers = {"content-type": "application/json"}
    (found,) = read(json.dumps(statement).encode(), headers, Feed(source="gridcall"), TOLD)
    assert isinstance(found, Reading)
    assert not found.warnings
    return found


def test_the_id_names_the_source_and_the_second_it_was_last_heard():
    assert ID == "silence/miso/2026-07-14T02:14:05Z"
    assert alarms.since_of(ID) == SINCE.replace(microsecond=0)
    assert alarms.late_id(ID) == "late/miso/2026-07-14T02:14:05Z"


@pytest.mark.parametrize(
    ("statement", "event_id", "revision", "message_type", "severity", "headline"),
    [
        (alarms.late(MISO, Heartbeat(), ID, TOLD), alarms.late_id(ID), 1, MessageType.NEW, Severity.NOTICE,
         "MISO is late: nothing heard since 02:14 UTC"),
        (alarms.late_is_over(MISO, ID, HEARD), alarms.late_id(ID), 2, MessageType.TERMINATE, Severity.NOTICE,
         "MISO is heard again after 12 minutes"),
        (alarms.late_is_silent(MISO, ID, TOLD), alarms.late_id(ID), 2, MessageType.TERMINATE, Severity.INFO,
         "MISO is silent now, see silence/miso/2026-07-14T02:14:05Z"),
        (alarms.silence(MISO, ID, TOLD), ID, 1, MessageType.NEW, Severity.CRITICAL,
         "MISO has been silent since 02:14 UTC"),
        (alarms.silence_is_over(MISO, ID, HEARD), ID, 2, MessageType.TERMINATE, Severity.CRITICAL,
         "MISO is heard again after 12 minutes"),
    ],
)  # fmt: skip
def test_each_is_read_without_a_warning(statement, event_id, revision, message_type, severity, headline):
    found = reading(statement)
    assert (found.event_id, found.revision) == (event_id, revision)
    assert (found.content.message_type, found.content.severity) == (message_type, severity)
    assert found.content.headline == headline
    assert not found.content.asks_action


def test_the_day_is_named_when_it_was_another_one():
    assert alarms.silence(MISO, ID, TOLD + timedelta(days=1))["headline"].endswith("since Jul 14, 02:14 UTC")


def test_where_else_to_look_is_said():
    assert "look in MCS" in alarms.silence(MISO, ID, TOLD)["text"]
    assert alarms.silence(Source(id="x", name="X"), ID, TOLD)["text"] == (
        "Instructions may be missed: check the connection."
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (15, "15 seconds"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (300, "5 minutes"),
        (723, "12 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (7500, "2 hours 5 minutes"),
        (90_060, "25 hours 1 minute"),
    ],
)
def test_durations_as_people_say_them(seconds, words):
    assert alarms.duration(timedelta(seconds=seconds)) == words
