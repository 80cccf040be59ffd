"""When an event is over, its post in the channel says so first and asks nothing any more."""

from itertools import pairwise

from model.plan import ChannelName, Kind, State
from tests.scenario.conftest import OpenWorld
from tests.scenario.test_told_together import ROSTER, posts, texts


async def test_edits_of_a_channel_keep_their_pace(opens: OpenWorld) -> None:
    """One in five seconds, and one whose answer was lost is done again."""
    async with opens(roster=ROSTER) as world:
        await posts(world, 3)
        await world.advance(seconds=10)
        await world.breaks("slack", status="accept_then_hang", count=1, path="chat.update")
        for n in range(3):
            await world.post("cancel", f"E-{n}", revision=2)
        await world.advance(minutes=2)
        texts(world, "ann")
        edits = [e.at for e in world.standins.feed.after(0) if e.channel == "slack" and e.event == "updated"]
        apart = [(after - before).total_seconds() for before, after in pairwise(edits)]
        assert len(edits) == 4
        assert min(apart) >= 5
        over = [post for post in world.slack() if post.text.startswith("CANCELLED. MISO EDR: Reduce 12.5 MW")]
        assert len(over) == 3
        assert not any('"actions"' in post.shows() for post in world.slack())


async def test_a_post_that_asks_about_other_events_keeps_their_buttons(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        await posts(world, 14)
        await world.advance(minutes=1)
        together = [post for post in world.slack() if post.thread is None][-1]
        assert "4 events at once" in together.shows()
        rows = {n: (await world.event(f"E-{n}")).row(None, ChannelName.SLACK_CHANNEL) for n in range(14)}
        leads = {row.carried_by for row in rows.values() if row.carried_by}
        [leader] = [n for n, row in rows.items() if row.id in leads]
        carried = next(n for n, row in rows.items() if row.carried_by)
        for n in (leader, carried):
            await world.post("cancel", f"E-{n}", revision=2)
        await world.advance(minutes=1)
        texts(world, "ann")
        assert [post for post in world.slack() if post.ts == together.ts] == [together]
        edit = (await world.event(f"E-{leader}")).row(None, ChannelName.SLACK_CHANNEL, Kind.EDIT)
        assert (edit.state, edit.reason) == (State.FAILED, "Slack: nothing stands there to be edited")
