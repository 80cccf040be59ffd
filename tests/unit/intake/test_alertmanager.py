"""Alertmanager's webhook: one event per alert, the same alert repeated is the same statement."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intake.read import answer, read
from model.event import EventStatus, MessageType, Severity
from model.reading import Feed, Order, Reading, Unreadable
from routing.placing import Decision, place
from tests.unit.routing.house import event, revision

SAMPLE = json.loads((Path(__file__).parents[2] / "data/samples/alertmanager_webhook_v4.json").read_text())
NOW = datetime(2026, 7, 14, tzinfo=UTC)
ALERT = SAMPLE["alerts"][0]


@pytest.fixture
def alert(post):
    """`alert(change…)` -> the reading of the sample's alert with fields changed; None removes one."""

    def _alert(**change):
        changed = {name: value for name, value in {**ALERT, **change}.items() if value is not None}
        return post({**SAMPLE, "alerts": [changed]}, format="alertmanager")

    return _alert


def test_a_repeat_with_another_summary_is_the_same_statement(alert):
    first, second = alert(), alert(annotations={"summary": "No messages for 9 minutes"})
    assert (first.event_id, first.revision, first.digest) == (second.event_id, second.revision, second.digest)


def test_the_alerts_own_status_counts(alert):
    resolved = alert(status="resolved", endsAt="2026-07-14T17:52:02.431123456Z")
    assert (resolved.content.message_type, resolved.order) == (MessageType.TERMINATE, Order.ARRIVAL)
    assert resolved.event_id == alert().event_id
    assert resolved.digest != alert().digest


def test_what_is_resolved_and_fires_again_with_the_same_start_needs_an_answer_again(alert):
    """Prometheus could not reach Alertmanager for a while: the alert never ended, and somebody must be called."""
    firing, resolved = alert(), alert(status="resolved", endsAt="2026-07-14T17:52:02.431123456Z")
    at = [datetime(2026, 7, 14, 17, minute, tzinfo=UTC) for minute in (41, 53, 55)]
    first, end = (
        replace(revision(number), content=said.content, digest=said.digest, received_at=at[number - 1])
        for number, said in ((1, firing), (2, resolved))
    )
    assert place(firing, event(first), "d", at[1]).decision is Decision.DUPLICATE
    over = event(first, end, status=EventStatus.TERMINATED)
    assert place(resolved, over, "d", at[2]).decision is Decision.DUPLICATE
    again = place(firing, over, "d", at[2]).revision
    assert again is not None
    assert (again.number, again.needs_answer) == (3, True)


@pytest.mark.parametrize(
    ("label", "severity"),
    [("critical", "critical"), ("info", "info"), ("notice", "notice"), ("page", "warning"), (None, "warning")],
)
def test_severity_is_the_label(alert, label, severity):
    labels = {"alertname": "A"} if label is None else {"alertname": "A", "severity": label}
    assert alert(labels=labels).content.severity == Severity(severity)


def test_headline_is_the_summary_or_the_name(alert):
    assert alert(annotations={}).content.headline == "GridEventFeedStale"
    assert alert(annotations={}, labels={}).content.headline == "Alert 9b1c5d2e7f0a4c31"
    assert len(alert(annotations={"summary": "s" * 500}).content.headline) == 100
    assert alert(annotations={"description": "d" * 2000}).content.text == "d" * 1027


@pytest.mark.parametrize("field", ["fingerprint", "startsAt", "status"])
def test_a_missing_field_is_named(alert, field):
    result = alert(**{field: None})
    assert isinstance(result, Unreadable)
    assert [problem.field for problem in result.problems] == [f"alerts[0].{field}"]


def test_a_bad_alert_or_group_loses_no_good_alert(post):
    alert = json.dumps(ALERT)
    body = f'{{"version":"5","groupLabels":{{"a":NaN}},"alerts":[{alert},{{"fingerprint":1e999}},3,{alert}]}}'.encode()
    results = read(body, {}, Feed(source="alertmanager", format="alertmanager"), NOW)
    assert [isinstance(result, Reading) for result in results] == [True, False, False, True]
    assert results[0].content.extra["group"] == {"version": "5"}
    assert results[0].warnings == ('version "5" is read like version 4',)


@pytest.mark.parametrize("body", [{}, {"alerts": []}, {"alerts": 1}, {"alerts": [ALERT] * 501}, 1, None])
def test_no_alerts(post, body):
    assert isinstance(post(body, format="alertmanager"), Unreadable)


def test_alerts_left_out_are_told(post):
    reading = post({**SAMPLE, "truncatedAlerts": 3}, format="alertmanager")
    assert reading.warnings == ("Alertmanager left out 3 alert(s) of this group (max_alerts)",)


def test_what_we_do_not_use_is_kept(alert):
    extra = alert(silenced=False).content.extra
    assert extra["silenced"] is False
    assert extra["labels"] == ALERT["labels"]
    assert extra["group"]["receiver"] == "gridcall"


def test_answers(post):
    """A sender that throws away what it is refused is never refused."""
    unreadable = (post(b"{"),)
    good = (post({"event_id": "E", "headline": "h"}),)
    assert answer("alertmanager", unreadable) == (202, None)
    assert answer("canonical", unreadable) == answer("unheard-of", unreadable) == (422, None)
    assert answer("canonical", unreadable + good) == (202, None)
