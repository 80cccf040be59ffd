"""Who wishes it is reminded before coming on call and going off, quietly, once, over restarts too."""

from datetime import UTC, datetime

import pytest

from config.roster_file import load_roster
from model.plan import ChannelName, Kind, State
from tests.app_fixture import ROSTER
from tests.scenario.conftest import OpenWorld, over_both

TEN_TO_NINE = datetime(2026, 1, 12, 14, 50, tzinfo=UTC)  # in Chicago; at nine Eli hands off to Dee
TEXT = (
    ROSTER.read_text()
    .replace("slack: U0DEE\n", "handoff_reminder: 9\n")  # she has a phone only
    .replace("slack: U0ELI\n", "slack: U0ELI\n    handoff_reminder: 5\n")
)


@over_both
async def test_a_text_to_who_comes_on_and_a_message_to_who_goes_off(opens: OpenWorld) -> None:
    async with opens(start=TEN_TO_NINE, roster=TEXT, every_tick=True) as world:
        dee, eli = world.phone("dee"), world.phone("eli")
        await world.advance_until("1:30")
        dee.expects_text(
            "Gridcall: You come on call for Operations backup Mon 12 Jan 09:00 CST, until Mon 19 Jan 09:00. "
            "Eli Novak goes off.",
            at="1:02",
        )
        await world.kill_service()
        await world.start_service()
        await world.advance_until("6:00")
        eli.expects_direct_message(
            "Gridcall: You go off call for Operations backup Mon 12 Jan 09:00 CST. Dee Larsen is on call then.",
            at="5:10",
        )
        await world.advance_until("11:00")
        assert world.slack() == [], "it is nobody else's business"
        kept = await world.event("handoff/ops-backup/dee/2026-01-12T15:00:00Z", "gridcall")
        assert kept.row("dee", ChannelName.SMS, Kind.REMINDER).state is State.DELIVERED
        assert (len(kept.rows), kept.outcomes(), world.settled(kept)) == (1, [], [])


@pytest.mark.long
async def test_a_text_that_cannot_be_sent_is_tried_until_the_handoff_and_no_longer(opens: OpenWorld) -> None:
    async with opens(start=TEN_TO_NINE, roster=TEXT, every_tick=True) as world:
        await world.breaks("twilio", status=503)
        await world.advance_until("11:00")
        await world.mends("twilio")
        await world.advance_until("12:00")
        world.phone("eli").expects_direct_message("You go off call")
        kept = await world.event("handoff/ops-backup/dee/2026-01-12T15:00:00Z", "gridcall")
        assert kept.row("dee", ChannelName.SMS, Kind.REMINDER).state in (State.FAILED, State.EXPIRED)


def test_the_demo_reminds_nobody() -> None:
    people = load_roster(ROSTER.read_text(), ROSTER.name).roster.people.values()
    assert {person.handoff_reminder for person in people} == {None}
