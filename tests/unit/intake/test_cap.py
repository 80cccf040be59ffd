"""CAP 1.2: chains of messages, exercises, words that stand for megawatts, and XML that is a bomb."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from intake.read import answer, read
from model.event import Action, EndKind, MessageType, Mode, Phase, Severity, TargetKind, Zone
from model.reading import Feed, Named, Names, Order, Reading, Unreadable

NOW = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)
ALERT = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>E-1.1</identifier><sender>ops@example.com</sender><sent>2026-07-14T13:00:00-05:00</sent>
  <status>Actual</status><msgType>Alert</msgType><scope>Private</scope>
  <info>
    <language>en-US</language><category>Infra</category><event>EDR Dispatch</event>
    <responseType>Execute</responseType><urgency>Immediate</urgency><severity>Severe</severity>
    <certainty>Observed</certainty>
    <onset>2026-07-14T13:30:00-05:00</onset><expires>2026-07-14T17:30:00-05:00</expires>
    <senderName>ACME</senderName><headline>Cut 12.5 MW</headline>
    <description>Max Gen Event Step 2.</description><instruction>Reduce 12.5 MW, hold until released.</instruction>
    <parameter><valueName>target_mw</valueName><value>12.5</value></parameter>
    <area><areaDesc>x</areaDesc><geocode><valueName>MISO-LRZ</valueName><value>4</value></geocode></area>
  </info>
</alert>"""
FEED = Feed(source="relay", format="cap")


def result(text: str | bytes = ALERT, feed: Feed = FEED, headers: Any = None) -> Any:
    (found,) = read(text if isinstance(text, bytes) else text.encode(), headers or {}, feed, NOW)
    return found


def changed(*pairs: tuple[str, str]) -> Reading:
    text = ALERT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    found = result(text)
    assert isinstance(found, Reading), found
    return found


def refused(text: str | bytes) -> str:
    found = result(text)
    assert isinstance(found, Unreadable)
    return found.reason


def test_what_it_says():
    found = result()
    content = found.content
    assert (found.native_id, found.order, found.follows.own_id) == ("ops@example.com,E-1.1", Order.ISSUED, "E-1.1")
    assert (content.message_type, content.mode, content.issuer) == (MessageType.NEW, Mode.ACTUAL, "ACME")
    assert (content.instruction.action, content.instruction.target_mw) == (Action.REDUCE_LOAD, 12.5)
    assert content.effective_at == datetime(2026, 7, 14, 18, 30, tzinfo=UTC)
    assert content.zones == (Zone(scheme="MISO-LRZ", code="4"),)
    assert found.parsed["info"]["area"]["geocode"] == {"valueName": "MISO-LRZ", "value": "4"}
    assert found.warnings == ()


def test_a_sender_stands_for_an_issuer():
    names = Names(senders={"ops@example.com": Named(issuer="MISO", program="EDR", mode=Mode.DRILL)})
    content = result(feed=Feed(source="relay", format="cap", names=names)).content
    assert (content.issuer, content.program, content.mode, content.severity) == (
        "MISO",
        "EDR",
        Mode.DRILL,
        Severity.INFO,
    )


@pytest.mark.parametrize(
    ("status", "mode"),
    [("Exercise", Mode.DRILL), ("Test", Mode.TEST), ("System", Mode.TEST), ("Draft", Mode.TEST)],
)
def test_what_is_not_actual(status, mode):
    found = changed(("<status>Actual", f"<status>{status}"))
    assert (found.content.mode, found.content.severity) == (mode, Severity.INFO)


def test_references_name_the_chain_oldest_first():
    """A message may name any of those before it, in any order."""
    references = (
        "ops@example.com,E-1.2,2026-07-14T14:00:00-05:00\n  ops@example.com,E-1.1,2026-07-14T13:00:00-05:00 nonsense"
    )
    found = changed(
        ("<msgType>Alert</msgType>", f"<msgType>Update</msgType><references>{references}</references>"),
        ("E-1.1</identifier>", "E-1.3</identifier>"),
    )
    assert found.follows is not None
    assert found.follows.own_id == "E-1.1"
    assert found.follows.statements == ("ops@example.com,E-1.3", "ops@example.com,E-1.1", "ops@example.com,E-1.2")
    assert found.content.references == ("E-1.1", "E-1.2")


def test_a_cancel_asks_for_nothing_whatever_it_carries():
    content = changed(("<msgType>Alert", "<msgType>Cancel")).content
    assert (content.message_type, content.phase) == (MessageType.TERMINATE, Phase.TERMINATION)
    assert (content.instruction.action, content.instruction.target_mw) == (Action.RELEASE, 0.0)
    assert content.effective_at == content.ends_at


@pytest.mark.parametrize(
    ("severity", "said"), [("Extreme", "critical"), ("Moderate", "warning"), ("Minor", "notice"), ("Odd", "critical")]
)
def test_severity(severity, said):
    assert changed(("Severe</severity>", f"{severity}</severity>")).content.severity == said


def test_a_high_alert_level_is_critical_and_an_end_never_below_warning():
    minor = ("Severe</severity>", "Minor</severity>")
    eea = ("<area>", "<parameter><valueName>nerc_eea</valueName><value>2</value></parameter><area>")
    assert changed(minor, eea).content.severity is Severity.CRITICAL
    assert changed(minor, eea, ("<msgType>Alert", "<msgType>Cancel")).content.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("response", "urgency", "action", "phase"),
    [
        ("Execute", "Future", Action.REDUCE_LOAD, Phase.EVENT),
        ("None", "Immediate", Action.NONE, Phase.EVENT),
        ("Prepare", "Expected", Action.INFORMATIONAL, Phase.WARNING),
        ("Monitor", "Future", Action.INFORMATIONAL, Phase.ADVISORY),
    ],
)
def test_what_is_asked(response, urgency, action, phase):
    found = changed(("Execute", response), (">Immediate<", f">{urgency}<"))
    assert (found.content.instruction.action, found.content.phase) == (action, phase)
    assert found.content.instruction.target_mw == (12.5 if action.asks else 0.0)


@pytest.mark.parametrize(
    ("pairs", "action", "target", "warning"),
    [
        ([("<value>12.5", "<value>much")], Action.REDUCE_LOAD, None, 'target_mw "much" is not used'),
        ([("<value>12.5", "<value>20")], Action.REDUCE_LOAD, 20, "the parameter says 20 MW, the text 12.5 MW"),
        ([("Cut 12.5 MW", "Cut 20 MW")], None, 12.5, "the text needs a human reading: it orders several things"),
    ],
)
def test_two_opinions_are_said(pairs, action, target, warning):
    found = changed(*pairs)
    assert (found.content.instruction.action, found.content.instruction.target_mw) == (action, target)
    assert found.warnings[0].startswith(warning)
    assert found.content.needs_reading is warning.startswith("the text")


def test_without_an_end_it_holds_until_released():
    found = changed(("<expires>2026-07-14T17:30:00-05:00</expires>", ""), (", hold until released", ""))
    assert (found.content.ends_at, found.content.end_kind) == (None, EndKind.UNTIL_RELEASED)
    scheduled = changed((", hold until released", ""))
    assert scheduled.content.end_kind is EndKind.SCHEDULED
    assert scheduled.content.instruction.target_kind is TargetKind.RELATIVE


def test_english_is_read_where_there_is_a_choice():
    spanish = "<info><language>es</language><headline>Reduzca</headline></info>\n  <info>"
    found = changed(("<info>", spanish))
    assert found.content.headline == "Cut 12.5 MW"
    assert found.warnings == ("1 info block(s) more are kept and not read",)


def test_a_message_without_an_info_block_is_told_by_what_it_is():
    start, end = ALERT.index("<info>"), ALERT.index("</alert>")
    found = result(ALERT[:start] + ALERT[end:])
    assert (found.content.headline, found.content.phase) == ("CAP new", Phase.EVENT)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected XML, found an empty body"),
        ("{}", "expected XML, found"),
        ("<alert/>", "expected an alert of CAP 1.2"),
        (
            ALERT.replace("Alert</msgType>", "Ack</msgType>"),
            'msgType: expected one of Alert, Update, Cancel, found "Ack"',
        ),
        (ALERT.replace("<status>Actual</status>", ""), "status: expected one of Actual, Exercise"),
        (ALERT.replace("E-1.1</identifier>", "</identifier>"), "identifier: expected 1 to 200 printable characters"),
        (ALERT.encode("utf-16"), "that is not UTF-8"),
        (ALERT[:300], "expected XML, found"),
    ],
)
def test_what_cannot_be_read(text, reason):
    assert reason in refused(text)


BILLION = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {n} "&{p};&{p};">' for p, n in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("bomb", "reason"),
    [
        (BILLION + "]><alert>&g;</alert>", "a document type or an entity"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><alert/>', "a document type or an entity"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><alert>&x;</alert>', "a document type or an entity"),
        ("<a>" * 100_000, "at most 4000"),
        ("<alert " + " ".join(f"a{n}='x'" for n in range(20_000)) + "/>", "at most 4000"),
        (ALERT.replace("<info>", "<a>" * 100).replace("</info>", "</a>" * 100), "at most 64 levels"),
        ("<alert>" + "\n" * 250_000, "XML"),
        ("<alert " + "x" * 250_000, "XML"),
    ],
    ids=["entities", "external", "file", "deep", "attributes", "nested", "lines", "name"],
)
def test_bombs_are_refused_at_once(bomb, reason):
    begun = time.process_time()
    assert reason in refused(bomb)
    assert time.process_time() - begun < 0.25


def test_a_source_of_ours_may_send_cap_by_its_content_type():
    canonical = Feed(source="s")
    found = result(feed=canonical, headers={"content-type": "application/cap+xml; charset=utf-8"})
    assert isinstance(found, Reading)
    assert isinstance(result(feed=canonical, headers={"content-type": "application/xml"}), Unreadable)
    assert answer("cap", [found]) == (202, None)
