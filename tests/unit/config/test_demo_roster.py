"""The demo's roster shows what it promises, winter and summer."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.roster_file import RosterFile, load_roster
from model.event import Content, Severity
from model.plan import ChannelName
from model.roster import Heartbeat, Wake
from routing.audience import audience
from routing.on_call import on_call

FILE = Path(__file__).parents[3] / "config" / "demo_roster.yaml"


@pytest.fixture(scope="module")
def demo() -> RosterFile:
    return load_roster(FILE.read_text(), FILE.name)


@pytest.mark.parametrize("day", [datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)])
def test_another_two_of_three_groups_are_awake_at_2_10_and_18(demo: RosterFile, day: datetime):
    def awake(hour: int) -> set[str]:
        step = demo.roster.policies["default"].steps[0]
        found = audience(demo.roster, step, 0, day.replace(hour=hour), critical=True)
        assert len(found.groups) == 3
        assert len(found.now()) + len(found.later()) == 3
        return {g.timezone for g in found.now()}

    assert awake(2) == {"America/Chicago", "Asia/Tokyo"}
    assert awake(10) == {"Europe/London", "Asia/Tokyo"}
    assert awake(18) == {"America/Chicago", "Europe/London"}


def test_who_is_on_call(demo: RosterFile):
    roster, at = demo.roster, datetime(2026, 1, 15, tzinfo=UTC)
    assert on_call(roster.rotas["ops-primary"], at) == ("ana", "ben", "chie")
    assert len(on_call(roster.rotas["ops-backup"], at)) == 1


def test_policies(demo: RosterFile):
    default, fast = demo.roster.policies["default"], demo.roster.policies["fast"]
    assert (default.sla_seconds, default.ring_seconds, default.call_seconds) == (600, 25, 90)
    assert default.asleep_delay_seconds == 150
    assert [(s.after_seconds, s.rotations, s.wake) for s in default.steps] == [
        (0, ("ops-primary",), Wake.AWAKE_FIRST),
        (300, ("ops-backup",), Wake.ANY),
    ]
    assert (fast.sla_seconds, fast.ring_seconds, fast.call_seconds, fast.dial_margin_seconds) == (60, 10, 10, 1)
    assert fast.asleep_delay_seconds == 10
    assert [s.after_seconds for s in fast.steps] == [0, 20]


def test_sources_and_routes(demo: RosterFile):
    roster, event = demo.roster, Content(headline="h", severity=Severity.CRITICAL)
    assert {s.id: s.heartbeat for s in roster.sources.values()} == {
        "miso": Heartbeat(period_seconds=300, grace_seconds=60),
        "miso-fast": Heartbeat(period_seconds=10, grace_seconds=5),
        "alertmanager": None,
    }
    assert roster.sources["miso"].critical
    assert roster.sources["miso"].also_confirm == "MCS"
    assert roster.sources["alertmanager"].format == "alertmanager"
    assert roster.routed("miso-fast", event).route.policy == "fast"
    assert roster.routed("miso", event).route.policy == roster.routed("alertmanager", event).route.policy == "default"


def test_everybody_and_everything_can_be_told(demo: RosterFile):
    """Numbers reserved for fiction only, and an address on each channel."""
    for person in demo.roster.people.values():
        assert person.address(ChannelName.VOICE).startswith("+131255501")
        assert None not in (person.address(ChannelName.SMS), person.address(ChannelName.SLACK_DM))
    ops = demo.roster.teams["ops"]
    assert None not in (ops.slack_channel, ops.slack_test_channel, ops.pagerduty, demo.roster.admin_channel)
    foundry = demo.roster.resource("MISO-EPNODE", "ACME.FOUNDRY1")
    assert (foundry.name, foundry.zone, foundry.timezone, foundry.contracted_mw) == (
        "Foundry 1",
        "LRZ 4",
        "America/Chicago",
        12.5,
    )
    assert len(demo.roster.resources) == 2


def test_keys_are_the_demos(demo: RosterFile):
    assert {(k.id, k.role, k.source) for k in demo.keys} == {
        ("demo-upstream", "upstream", "miso"),
        ("demo-fast", "upstream", "miso-fast"),
        ("demo-alertmanager", "upstream", "alertmanager"),
        ("demo-operator", "operator", None),
        ("demo-admin", "admin", None),
    }
    assert all(k.demo and k.secret == k.id for k in demo.keys)
