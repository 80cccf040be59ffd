"""What counts as not well, and what of it wakes people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.vital_signs import Canaries, Signs, conditions
from model.canary import Canary

NOW = datetime(2026, 7, 14, 2, 0, tzinfo=UTC)
ROLES = ["api", "router"]


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


WELL = Signs(looked_at=ago(5), lived={"api": ago(5), "router": ago(10), "notifier": ago(900)})


MINUTE = timedelta(minutes=1)
LONG_SINCE = Canaries(every=MINUTE, expected_since=ago(900))


def sent(seconds, **passed):
    return Canary(id="1", sent_at=ago(seconds), **passed)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (Canaries(every=MINUTE, expected_since=ago(89)), None),
        (LONG_SINCE, "no message of our own was sent lately"),
        (replace(LONG_SINCE, through_at=ago(89), last=sent(29)), None),
        (replace(LONG_SINCE, through_at=ago(90), last=sent(30)), "no router has decided about it"),
        (replace(LONG_SINCE, through_at=ago(90), last=sent(30, decided_at=ago(20))), "no notifier took it"),
        (replace(LONG_SINCE, through_at=ago(90), last=sent(30, failure="it answers 502")), "it answers 502"),
        (replace(LONG_SINCE, through_at=ago(90), last=sent(90, told_at=ago(80))), "no message of our own was sent"),
        (replace(LONG_SINCE, every=MINUTE * 10, through_at=ago(629), last=sent(629, told_at=ago(620))), None),
        # Who looks for the first time waits as long for one as anybody.
        (Canaries(every=MINUTE, expected_since=ago(20), through_at=ago(900), last=sent(900)), None),
    ],
)
def test_messages_of_our_own(known, said):
    found = conditions(replace(WELL, canary=known), ROLES, NOW)
    assert [one.calls for one in found] == ([True] if said else [])
    assert said is None or said in found[0].text


def test_how_old_the_last_message_of_our_own_is():
    """Also where none ever came through, or none of those that are still kept: else nobody would see that."""
    assert LONG_SINCE.age_seconds(NOW) == 900
    assert replace(LONG_SINCE, through_at=ago(30)).age_seconds(NOW) == 30
    assert replace(LONG_SINCE, through_at=ago(1000)).age_seconds(NOW) == 1000


@pytest.mark.parametrize(
    ("changes", "grave", "slight"),
    [
        ({}, [], []),
        ({"looked_at": ago(14.9)}, [], []),
        ({"looked_at": ago(15), "lived": {}}, ["the database does not answer"], []),
        ({"lived": {"api": ago(5), "router": ago(15)}}, ["no process with the role router lives"], []),
        ({"lived": {"router": ago(5)}}, ["no process with the role api lives"], []),
        (
            {"unusable": ["0.db: not a database"]},
            [],
            ["events may wait unseen in a file of the spool that cannot be used: 0.db: not a database"],
        ),
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
