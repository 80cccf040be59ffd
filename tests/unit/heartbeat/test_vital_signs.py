"""What counts as not well, and what of it wakes people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.vital_signs import Signs, conditions

NOW = datetime(2026, 7, 14, 2, 0, tzinfo=UTC)
ROLES = ["api", "router"]


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


WELL = Signs(looked_at=ago(5), lived={"api": ago(5), "router": ago(10), "notifier": ago(900)})


@pytest.mark.parametrize(
    ("changes", "grave", "slight"),
    [
        ({}, [], []),
        ({"looked_at": ago(14.9)}, [], []),
        ({"looked_at": ago(15), "lived": {}}, ["the database does not answer"], []),
        ({"lived": {"api": ago(5), "router": ago(15)}}, ["no process with the role router lives"], []),
        ({"lived": {"router": ago(5)}}, ["no process with the role api lives"], []),
        ({"due_since": ago(59)}, [], []),
        ({"due_since": ago(60)}, ["calls or texts that were due at 01:59:00 UTC are not sent"], []),
        ({"queue_up": False}, [], ["RabbitMQ does not confirm, events go through the hosts' spools"]),
        ({"queue_up": False, "spooled_since": ago(59)}, [], ["RabbitMQ"]),
        ({"spooled_since": ago(60)}, ["messages that came in at 01:59:00 UTC wait in a spool"], []),
        (
            {"looked_at": ago(20), "queue_up": False, "spooled_since": ago(70)},
            ["the database does not answer", "messages that came in at 01:58:50 UTC wait in a spool"],
            ["RabbitMQ"],
        ),
    ],
)
def test_what_is_found(changes, grave, slight):
    found = conditions(replace(WELL, **changes), ROLES, NOW)
    for expected, calls in ((grave, True), (slight, False)):
        texts = [one.text for one in found if one.calls is calls]
        assert len(texts) == len(expected)
        assert all(text.startswith(begin) for text, begin in zip(texts, expected, strict=True))
