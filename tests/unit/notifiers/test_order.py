"""Everybody's first message goes before anybody's second; calls and lanes are never held back for it."""

from datetime import timedelta

import pytest

from model.plan import ChannelName, Kind, Notification
from notifiers import order
from notifiers.order import Told
from store.outbox import Due
from tests.unit.routing.house import NOW

SMS, DM, VOICE = ChannelName.SMS, ChannelName.SLACK_DM, ChannelName.VOICE


def row(name, event, person, channel, lane=0, after=0):
    return Notification(
        id=name,
        event_pk=event,
        revision=1,
        kind=Kind.ALERT,
        channel=channel,
        address="+13125550101",
        person=person,
        step=0,
        due_at=NOW + timedelta(seconds=after),
        until=NOW + timedelta(minutes=10),
        lane=lane,
    )


def names(told, *rows):
    return [one.notification.id for one in told.first_messages_first([Due(one, 0) for one in rows])]


@pytest.fixture
def rows():
    """Two people by text and Slack, the second an instant later."""
    return [
        row(f"{person}-{channel}", "e", person, channel, after=n)
        for n, person in enumerate("ab")
        for channel in (SMS, DM)
    ]


def test_a_first_message_to_each_and_then_the_second(rows):
    assert names(Told(), *rows) == ["a-slack_dm", "b-slack_dm", "a-sms", "b-sms"]


def test_it_knows_whom_it_told_before(rows):
    told = Told()
    told.note(rows[0])
    assert names(told, *rows[1:]) == ["b-slack_dm", "a-slack_dm", "b-sms"]
    assert names(told, row("other", "another event", "a", SMS), rows[1]) == ["other", "a-slack_dm"]


def test_calls_and_the_lane_come_first_all_the_same(rows):
    told = Told()
    for one in rows:
        told.note(one)
    call = row("call", "e", "a", VOICE, after=9)
    assert names(told, *rows, call)[0] == "call"
    assert names(told, row("later lane", "new", "c", SMS, lane=1), *rows)[-1] == "later lane"


def test_it_forgets_the_oldest(monkeypatch, rows):
    monkeypatch.setattr(order, "REMEMBERED", 1)
    told = Told()
    told.note(rows[0])
    told.note(rows[2])
    assert names(told, rows[0], rows[2]) == ["a-sms", "b-sms"]
    assert names(told, row("a2", "e", "a", DM, after=5), rows[3]) == ["a2", "b-slack_dm"]
