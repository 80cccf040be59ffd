"""When an event is over, what asked about it in Slack says so first and asks nothing any more."""

import json
from itertools import pairwise

from model.plan import ChannelName, Kind, State
from notifiers.limits import EDITS_A_MINUTE
from tests.scenario.conftest import OpenWorld, over_both
from tests.scenario.test_told_together import ROSTER, posts, texts
from tests.scenario.world import Post, World


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


def asks_about(post: Post) -> list[str]:
    """The events whose buttons it has, by their keys in the database."""
    buttons = [e for b in post.blocks if b["type"] == "actions" for e in b["elements"]]
    return [json.loads(e["value"])["event"] for e in buttons if e["action_id"] == "acknowledge"]


def edits(world: World, post: Post, where: str = "C0OPS") -> list[str]:
    """When it was edited, in that channel or that person's direct messages."""
    updated = [e for e in world.standins.feed.after(0) if e.channel == "slack" and e.event == "updated"]
    place = (world.standins.workspace.channel(where).id, post.ts)
    return [world.moment(e.at) for e in updated if (e.to, e.raw["message"]["ts"]) == place]


async def bundled(world: World) -> tuple[list[str], list[str]]:
    """Of fourteen events those that one post tells together, the first of them its own; their keys."""
    await posts(world, 14)
    await world.advance(minutes=1)
    texts(world, "ann")
    records = {f"E-{n}": await world.event(f"E-{n}") for n in range(14)}
    rows = {name: record.row(None, ChannelName.SLACK_CHANNEL) for name, record in records.items()}
    leads = {row.carried_by for row in rows.values() if row.carried_by}
    names = [name for name, row in rows.items() if row.id in leads or row.carried_by]
    names.sort(key=lambda name: rows[name].id not in leads)
    return names, [records[name].event.pk for name in names]


def the_bundle(world: World) -> Post:
    return next(post for post in world.slack() if post.thread is None and "at once" in post.text)


@over_both
async def test_a_post_of_several_events_marks_what_is_over_and_asks_about_the_others(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        names, pks = await bundled(world)
        together = the_bundle(world)
        assert sorted(asks_about(together)) == sorted(pks)
        await world.presses_button(together, "acknowledge", by="ann", value=_button(together, pks[0]))
        await world.advance(seconds=1)
        for name in names[:2]:  # the one whose row has the message, and one that went along
            await world.post("cancel", name, revision=2)
        await world.advance(minutes=1)
        texts(world, "ann")
        edited = the_bundle(world)
        assert (edited.ts, len(names)) == (together.ts, 4)
        assert sorted(asks_about(edited)) == sorted(pks[2:])
        lines = edited.text.splitlines()
        assert lines[0] == "4 events at once"
        over = [line for line in lines if line.startswith("CANCELLED")]
        assert sorted(over) == sorted(
            [
                f"CANCELLED, accepted by Ann 18:01 UTC. MISO EDR: {_asked(together, names[0])}",
                f"CANCELLED. MISO EDR: {_asked(together, names[1])}",
            ]
        )
        assert edited.shows().count("CANCELLED") == 4  # in the text, and in the blocks
        marks = [(await world.event(name)).row(None, ChannelName.SLACK_CHANNEL, Kind.EDIT) for name in names[:2]]
        assert [mark.state for mark in marks] == [State.SENT] * 2

        # A button that was kept is that of the first message.
        await world.presses_button(edited, "acknowledge", by="ann", value=_button(edited, pks[3]))
        await world.advance(seconds=5)
        assert (await world.event(names[3])).outcomes() == ["met"]
        assert (await world.event(names[2])).outcomes() == []

        for name in names[2:]:
            await world.post("cancel", name, revision=2)
        await world.advance(minutes=1)
        texts(world, "ann")
        last = next(post for post in world.slack() if post.ts == together.ts)
        assert last.text.startswith("4 events are over\n")
        assert asks_about(last) == []


async def test_the_ends_of_a_storm_are_few_edits(opens: OpenWorld) -> None:
    """One for each post that stands alone; a post of many events is edited for all that ended meanwhile at once."""
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        await posts(world, 60)
        await world.advance(minutes=1)
        together = the_bundle(world)
        told = int(together.text.split(" events at once")[0])
        assert 40 < told < 50, "Slack takes no more in one post, and the others had the next one"
        for n in range(60):
            await world.post("cancel", f"E-{n}", revision=2)
        await world.advance(seconds=30)
        before = len(world.slack())
        await world.post("edr", "C-1", severity="critical")
        await world.advance(seconds=1)
        assert len(world.slack()) == before + 1, "a new post waits for no edit"
        await world.advance(minutes=2)
        texts(world, "ann")
        assert len(edits(world, together)) <= 2
        assert [post.ts for post in world.slack() if asks_about(post)] == [world.slack()[before].ts]
        over = next(post for post in world.slack() if post.ts == together.ts)
        assert over.text.startswith(f"{told} events are over\n")
        assert len(over.text) <= 4000
        marks = [(await world.event(f"E-{n}")).row(None, ChannelName.SLACK_CHANNEL, Kind.EDIT) for n in range(60)]
        assert {mark.state for mark in marks} == {State.SENT}


DIRECT = """
people:
  ann: {name: Ann, timezone: America/Chicago, slack: U0ANN}
  bob: {name: Bob, timezone: Europe/London, slack: U0BOB}
  cyd: {name: Cyd, timezone: America/Chicago, slack: U0CYD}
teams: {ops: {name: Operations, slack_channel: C0OPS}}
policies:
  written:
    sla_seconds: 1200
    steps:
      - {after_seconds: 0, people: [ann, bob], channels: [slack_dm]}
      - {after_seconds: 600, people: [cyd], channels: [slack_dm]}
routes: [{id: everything, team: ops, policy: written}]
sources: {miso: {name: MISO}}
keys: {demo-upstream: {role: upstream, source: miso, secret: demo-upstream}}
"""


@over_both
async def test_who_was_told_directly_sees_that_it_is_over(opens: OpenWorld) -> None:
    """Each by their own clock; who was not told has nothing; one whose answer is lost is done again."""
    async with opens(roster=DIRECT) as world:
        await world.post("edr")
        await world.advance_until("0:30")
        told = {user: world.slack(user)[0] for user in ("U0ANN", "U0BOB")}
        assert all(asks_about(post) for post in told.values())
        await world.presses_button(told["U0ANN"], "acknowledge", by="ann", channel="U0ANN")
        await world.advance_until("1:00")
        await world.breaks("slack", status="accept_then_hang", count=1, path="chat.update")
        await world.post("cancel", revision=2)
        await world.advance_until("2:00")
        for user, clock in (("U0ANN", "12:00 CST"), ("U0BOB", "18:00 GMT")):
            over = world.slack(user)[0]
            assert over.ts == told[user].ts
            assert over.text.startswith(f"CANCELLED, accepted by Ann {clock}. MISO EDR: Reduce 12.5 MW")
            assert asks_about(over) == []
        stood = {**told, "C0OPS": world.slack()[0]}
        times = sorted(at for where, post in stood.items() for at in edits(world, post, where))
        assert len(times) == 4
        apart = [world.instant(after) - world.instant(before) for before, after in pairwise(times)]
        assert min(apart).total_seconds() >= 60 / EDITS_A_MINUTE
        assert world.slack("U0CYD") == []
        kept = await world.event()
        marks = [kept.row(who, ChannelName.SLACK_DM, Kind.EDIT) for who in ("ann", "bob")]
        assert {mark.state for mark in marks} == {State.SENT}
        assert {mark.lane for mark in marks} == {2}
        assert world.settled(kept) == []
        for phone in world.everybody():
            phone.expects_everything()


def _button(post: Post, event_pk: str) -> str:
    """Its value."""
    buttons = [e for b in post.blocks if b["type"] == "actions" for e in b["elements"]]
    return next(
        e["value"] for e in buttons if e["action_id"] == "acknowledge" and json.loads(e["value"])["event"] == event_pk
    )


def _asked(post: Post, name: str) -> str:
    """What its line about that event asks."""
    ref = f"ref {name.partition('-')[2]} r1"
    line = next(line for line in post.text.splitlines() if line.endswith(ref))
    return line.partition(": ")[2]
