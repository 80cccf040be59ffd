"""What is more than somebody bears to read comes in one message that names several events."""

import json
import re

from model.plan import ChannelName, Kind, State
from tests.scenario.conftest import OpenWorld, over_both
from tests.scenario.world import World

ROSTER = """
people:
  ann: {name: Ann, timezone: America/Chicago, phone: "+13125550131", slack: U0ANN}
teams: {ops: {name: Operations, slack_channel: C0OPS}}
policies:
  written:
    sla_seconds: 1200
    steps: [{after_seconds: 0, people: [ann], channels: [sms]}]
routes: [{id: everything, team: ops, policy: written}]
sources: {miso: {name: MISO}}
keys: {demo-upstream: {role: upstream, source: miso, secret: demo-upstream}}
"""


async def posts(world: World, count: int, first: int = 0) -> None:
    for n in range(first, first + count):
        await world.post("edr", f"E-{n}", severity="warning")


def texts(world: World, name: str) -> list[tuple[str, str]]:
    world.phone(name).expects_everything()
    return [(text.at, text.text) for text in world.phone(name).texts if text.how == "text"]


@over_both
async def test_three_texts_at_once_then_one_for_all_that_waits(opens: OpenWorld) -> None:
    """Each named event has its own letters, 1* accepts those that are only counted too."""
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        await posts(world, 14)
        await world.advance(minutes=2)
        *alone, together = texts(world, "ann")
        assert [at for at, _ in alone] == ["0:02", "0:02", "0:02"]
        assert together[0] == "0:22"
        assert together[1].startswith("11 EVENTS. Reply 1+letters=ACK, 2+letters=CANNOT, 1*=ACK all. ")
        named = re.findall(r"([A-Z]): MISO EDR: cut 12.5 MW", together[1])
        assert len(set(named)) == 7
        assert together[1].endswith("And 4 more, 1*=ACK all.")
        records = [await world.event(f"E-{n}") for n in range(14)]
        rows = [record.row("ann", ChannelName.SMS) for record in records]
        assert {row.state for row in rows} == {State.DELIVERED}
        carrier = next(row for row in rows if any(row.id == other.carried_by for other in rows))
        assert [row.carried_by for row in rows].count(carrier.id) == 10
        tries = [a for record in records for a in record.attempts if a.bundle and a.channel is ChannelName.SMS]
        told = [attempt.words.text for attempt in tries]
        assert len(told) == len(set(told)) * 11
        said = await world.phone("ann").says(f"1{named[2]}")
        assert re.fullmatch(r"Accepted: MISO EDR Ref \d+ r1\. This counts\.", said)
        assert await world.phone("ann").says("1*") == "Noted: your answer counts for 14 events."
        await world.advance(seconds=20)  # fourteen timelines are sealed meanwhile
        assert {(await world.event(f"E-{n}")).outcomes()[-1] for n in range(14)} == {"met"}


async def test_a_channel_is_told_of_each_event_but_not_by_a_post_of_its_own(opens: OpenWorld) -> None:
    """Ten posts, then one that lists the others; what comes later stands in its thread; buttons are each event's."""
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        await posts(world, 14)
        await world.advance(minutes=1)
        texts(world, "ann")
        *alone, together = [post for post in world.slack() if post.thread is None]
        assert (len(alone), together.at) == (10, "0:25")
        assert "4 events at once" in together.shows()
        buttons = [e for b in together.blocks if b["type"] == "actions" for e in b["elements"]]
        acks = [json.loads(e["value"]) for e in buttons if e["action_id"] == "acknowledge"]
        last = await world.event("E-13")
        assert [ack["event"] for ack in acks][-1] == last.event.pk
        await world.presses_button(together, "acknowledge", by="ann", value=json.dumps(acks[-1]))
        await world.advance(seconds=5)
        assert (await world.event("E-13")).outcomes() == ["met"]
        assert (await world.event("E-12")).outcomes() == []
        assert [post.thread for post in world.slack() if "Ann accepted" in post.text] == [together.ts]


async def test_a_line_below_a_post_of_several_whose_answer_was_lost_is_found_there(opens: OpenWorld) -> None:
    """The post was made for the first of them; the line is of the last."""
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        await posts(world, 14)
        await world.advance(minutes=1)
        texts(world, "ann")
        together = [post for post in world.slack() if post.thread is None][-1]
        buttons = [e for b in together.blocks if b["type"] == "actions" for e in b["elements"]]
        ack = [json.loads(e["value"]) for e in buttons if e["action_id"] == "acknowledge"][-1]
        await world.breaks("slack", status="accept_then_hang", count=1, path="chat.postMessage")
        await world.presses_button(together, "acknowledge", by="ann", value=json.dumps(ack))
        await world.advance(minutes=5)
        assert [post.thread for post in world.slack() if "Ann accepted" in post.text] == [together.ts]


async def test_the_first_critical_event_waits_for_nothing(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        await posts(world, 5)
        await world.advance(seconds=5)
        await world.post("edr", "C-1", severity="critical")
        await world.post("edr", "C-2", severity="critical")
        await world.advance(minutes=3)
        came = texts(world, "ann")
        assert [at for at, _ in came] == ["0:02", "0:02", "0:02", "0:07", "1:07"]
        assert "Ref 1 r1" in came[3][1]
        assert came[4][1].startswith("3 EVENTS.")  # the pauses grow: a minute after the fourth


async def test_what_ended_while_nobody_could_be_told_is_told_together(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        await posts(world, 5)
        await world.advance(minutes=1)
        before = len(texts(world, "ann"))
        await world.breaks("twilio", status=503, path="Messages")
        for n in range(5):
            await world.post("cancel", f"E-{n}", revision=2)
        await world.advance(seconds=10)
        await world.mends("twilio")
        await world.advance(minutes=1)
        ends = texts(world, "ann")[before:]
        assert [text[:22] for _, text in ends] == ["5 EVENTS ARE OVER. MIS"]
        rows = [(await world.event(f"E-{n}")).row("ann", ChannelName.SMS, Kind.STAND_DOWN) for n in range(5)]
        assert {row.state for row in rows} == {State.DELIVERED}


async def test_a_bundle_whose_answer_was_lost_is_looked_up_and_not_sent_twice(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        await posts(world, 5)
        await world.advance(seconds=10)
        await world.breaks("twilio", status="accept_then_hang", count=1, path="Messages")
        await world.advance(minutes=2)
        assert [text[:9] for _, text in texts(world, "ann")[3:]] == ["2 EVENTS."]
        together = next(text for text in world.phone("ann").texts if text.text.startswith("2 EVENTS."))
        assert (together.parts, together.of) == (1, 2)
        together.of = 1  # what it has told is enough: by now the rest may tell what is over
        rows = [(await world.event(f"E-{n}")).row("ann", ChannelName.SMS) for n in (3, 4)]
        assert {row.state for row in rows} <= {State.SENT, State.DELIVERED}


async def test_a_bundle_that_was_not_sent_is_made_anew(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        await posts(world, 5)
        await world.advance(seconds=10)
        await world.breaks("twilio", status=503, count=1, path="Messages")
        await world.advance(minutes=3)
        assert [text[:9] for _, text in texts(world, "ann")[3:]] == ["2 EVENTS."]
        for name in ("E-3", "E-4"):
            kept = await world.event(name)
            kinds = [entry.kind for entry in kept.timeline]
            assert kinds.count("attempt_started") == 6  # a post, a direct message instead, and two texts of two parts
            assert kinds.count("attempt_failed") == 1
            assert kept.row("ann", ChannelName.SLACK_DM).state is State.SENT  # it was not only the first that failed
