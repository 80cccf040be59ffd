"""Who is on call is asked at the instant at which a step is due."""

from datetime import UTC, datetime

from tests.scenario.conftest import OpenWorld


async def test_a_handoff_in_the_middle_of_an_event(opens: OpenWorld) -> None:
    """At receipt Eli is the backup, at 9:00 in Chicago it becomes Dee: the step that is due after that calls Dee."""
    async with opens(start=datetime(2026, 1, 12, 14, 57, tzinfo=UTC)) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("6:00")
        for name, at in (("ana", "0:00"), ("ben", "0:01"), ("chie", "2:30"), ("dee", "5:00")):
            world.phone(name).expects_call(at=at)
            world.phone(name).expects_text("Reply 1")


async def test_before_the_handoff_it_is_still_the_one_before(opens: OpenWorld) -> None:
    async with opens(start=datetime(2026, 1, 12, 14, 54, tzinfo=UTC)) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("5:59")
        for name, at in (("ana", "0:00"), ("ben", "0:01"), ("chie", "2:30"), ("eli", "5:00")):
            world.phone(name).expects_call(at=at)
            world.phone(name).expects_text("Reply 1")
