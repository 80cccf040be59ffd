"""Everybody's first message goes before anybody's second; calls and lanes are never held back for it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.plan import ChannelName, Hold, Kind, Notification
from notifiers import order
from notifiers.order import AGAIN_TOGETHER, Told, along, gathers, waits_for_others
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


def test_a_call_asks_what_else_it_could_tell_and_one_that_ends_an_event_does_not():
    alert = row("call", "e", "a", VOICE)
    assert gathers([Due(alert, 0)])
    assert not gathers([Due(replace(alert, kind=Kind.STAND_DOWN), 0)])
    assert not gathers([Due(replace(alert, kind=Kind.CONFIRM), 0)])


def test_a_call_is_for_one_person_and_names_each_event_once():
    leader = row("leader", "e", "a", VOICE)
    others = [
        row("same event", "e", "a", VOICE),
        row("other", "f", "a", VOICE),
        row("again", "f", "a", VOICE),
        row("of another", "g", "b", VOICE),
    ]
    assert [one.id for one in along(leader, others)] == ["other"]
    texts = [replace(one, channel=SMS) for one in others]
    assert along(replace(leader, channel=SMS), texts) == texts


def test_a_redial_waits_a_moment_once_for_those_of_the_other_events():
    again = replace(row("again", "e", "a", VOICE), follows="first")
    at = NOW + AGAIN_TOGETHER
    assert waits_for_others(Due(again, 0), NOW) == at
    assert waits_for_others(Due(again, 0), at) is None
    assert waits_for_others(Due(replace(again, hold=Hold.BUNDLE), 0), NOW) is None
    assert waits_for_others(Due(replace(again, until=NOW), 0), NOW) is None  # it would be too late
    assert waits_for_others(Due(again, 1), NOW) is None  # tried, and not taken by the vendor
    assert waits_for_others(Due(replace(again, follows=None), 0), NOW) is None
