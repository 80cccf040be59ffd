"""A credential that a vendor no longer takes is told before it is needed, and so is that it is taken again."""

from dataclasses import replace

import pytest

from sandbox import Settings as Accounts
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World

ADMINS = "C0ADMIN"


def with_admins(world: World) -> None:
    rosters = world.service.rosters
    rosters.roster = replace(rosters.roster, admin_channel=ADMINS)


def takes(world: World, **credentials: str) -> None:
    """From now on the vendors know us by these."""
    world.standins.settings = replace(world.standins.settings, **credentials)


async def figures(world: World, begins: str = "gridcall_vendor") -> list[str]:
    lines = (await world.http.get("/metrics")).text.splitlines()
    return [line for line in lines if line.startswith(begins)]


async def remarks(world: World) -> str:
    return "; ".join((await world.http.get("/readyz")).json()["remarks"])


def said(world: World) -> list[str]:
    return [post.text for post in world.slack(ADMINS)]


async def test_twilio_dies_and_is_back_with_a_line_each(opens: OpenWorld) -> None:
    async with opens(vendor_check_seconds=60) as world:
        with_admins(world)
        await world.advance_until("0:40")
        assert await figures(world) == [
            'gridcall_vendor_up{vendor="PagerDuty"} 1.0',
            'gridcall_vendor_up{vendor="Slack"} 1.0',
            'gridcall_vendor_up{vendor="Twilio"} 1.0',
            'gridcall_vendor_balance{currency="USD",vendor="Twilio"} 20.0',
        ]
        known = world.standins.settings.twilio_auth_token
        takes(world, twilio_auth_token="another")
        await world.advance_until("4:00")
        (line,) = said(world)
        assert line.startswith("Twilio for Gridcall at http://127.0.0.1:")
        assert "Nothing is sent by Twilio until its credentials are mended." in line
        assert 'gridcall_vendor_up{vendor="Twilio"} 0.0' in await figures(world)
        assert "Twilio: Twilio" in await remarks(world)
        takes(world, twilio_auth_token=known)
        await world.advance_until("6:00")
        assert [line.partition(" is well")[1] for line in said(world)] == ["", " is well"]
        assert await remarks(world) == ""
        assert world.pagerduty() == []


async def test_when_slack_is_dead_pagerduty_says_so(opens: OpenWorld) -> None:
    async with opens(vendor_check_seconds=60, watch_pagerduty_key="R0WATCH0000000000000000000000000") as world:
        with_admins(world)
        known = world.standins.settings.slack_bot_token
        takes(world, slack_bot_token="xoxb-another")
        await world.advance_until("3:00")
        assert [(ping.action, ping.severity, ping.key) for ping in world.pagerduty()] == [
            ("trigger", "warning", "slack")
        ]
        takes(world, slack_bot_token=known)
        await world.advance_until("5:00")
        assert [ping.action for ping in world.pagerduty()] == ["trigger", "resolve"]
        assert said(world) == []


async def test_a_dead_app_token_is_known_before_its_connection_ends(opens: OpenWorld) -> None:
    """Slack keeps a connection open for hours after its token was revoked: only asking tells."""
    slack = Accounts()
    tokens = {"slack_bot_token": slack.slack_bot_token, "slack_app_token": slack.slack_app_token}
    async with opens(vendor_check_seconds=60, **tokens) as world:
        with_admins(world)
        await world.advance_until("0:40")
        assert 'gridcall_vendor_up{vendor="Slack Socket Mode"} 1.0' in await figures(world)
        assert await figures(world, "gridcall_slack_socket") == ["gridcall_slack_socket_down_seconds 0.0"]
        takes(world, slack_app_token="xapp-another")
        await world.advance_until("3:00")
        (line,) = said(world)
        assert line.startswith("Slack Socket Mode for Gridcall at http://127.0.0.1:")
        assert "What people press and type in Slack is not heard until its credentials are mended." in line
        assert 'gridcall_vendor_up{vendor="Slack"} 1.0' in await figures(world)
        assert 'gridcall_vendor_up{vendor="Slack Socket Mode"} 0.0' in await figures(world)
        assert await remarks(world) == "Slack Socket Mode: Slack answered 200 invalid_auth"

        await world.standins.slack_sockets.refresh()
        await world.advance_until("3:20")
        assert (await remarks(world)).startswith("Slack's buttons and commands: no connection for 20 s; ")
        assert await figures(world, "gridcall_slack_socket") == ["gridcall_slack_socket_down_seconds 20.0"]
        assert "Slack" not in str((await world.http.get("/readyz")).json()["reasons"])

        takes(world, slack_app_token=slack.slack_app_token)
        await world.advance_until("6:00")
        assert [line.partition(" is well")[1] for line in said(world)] == ["", " is well"]
        assert await remarks(world) == ""
        assert await figures(world, "gridcall_slack_socket") == ["gridcall_slack_socket_down_seconds 0.0"]


@pytest.mark.long
async def test_a_vendor_that_is_away_is_no_dead_credential(opens: OpenWorld) -> None:
    async with opens(vendor_check_seconds=60) as world:
        with_admins(world)
        await world.breaks("twilio", status=503)
        await world.breaks("pagerduty", status=500)
        await world.advance_until("3:00")
        assert said(world) == []
        assert [line[-3:] for line in await figures(world)] == ["0.0", "1.0", "0.0"]
        assert world.pagerduty() == []
