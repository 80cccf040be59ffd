"""A vendor fails, hangs, limits, or tells us nothing: everybody is told all the same, and nobody twice."""

import pytest

from app import serve
from model.attempt import AttemptState
from model.plan import ChannelName, State
from tests.scenario.conftest import OpenWorld
from tests.scenario.people import Call
from tests.scenario.world import World, patient


async def texts(world: World, *names: str) -> None:
    for name in names:
        world.phone(name).expects_text("Reply 1")


async def test_twilio_fails_then_works(world: World) -> None:
    """While calls and texts are refused, Slack tells the person directly; the phones ring after the retry."""
    await world.breaks("twilio", status=503, count=3)  # Ana's call, both first texts
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("1:00")
    for name, at in (("ana", "0:02"), ("ben", "0:01")):
        world.phone(name).expects_call("Reduce one two point five megawatts", at=at)
        world.phone(name).expects_text("Reply 1", at="0:04")
        # Of what fails within one second the first is looked at at once, the rest in the next second.
        assert world.phone(name).expects_direct_message("Reduce 12.5 MW").at in ("0:00", "0:01")
    kept = await world.event()
    failed = [a for a in kept.attempts if a.state is AttemptState.FAILED]
    assert len([a for a in failed if "503" in a.error]) == 3
    assert world.settled(kept) == []


async def test_pagerduty_was_to_call_and_does_not_take_the_alert(opens: OpenWorld) -> None:
    """We call whom it was to call, as soon as its second refusal says that it is no hiccup."""
    key = "      routing_key: d3m0000000000000000000000000c0de\n"
    roster = serve.DEMO_ROSTER.read_text().replace(key, f"{key}      mode: primary\n")
    async with opens(roster=patient(roster)) as world:
        await world.breaks("pagerduty", status=503, count=1000)
        await world.post("edr")
        await world.advance_until("0:20")
        assert world.phone("ana").expects_call("Reduce one two point five megawatts").at in ("0:02", "0:03")
        said = (
            "Gridcall: PagerDuty does not take the alert for team ops, whose people it was to call: Gridcall calls them"
        )
        assert [post.text for post in world.slack("C0ADMIN")] == [said]
        for phone in world.everybody():
            phone.expects_everything()
        kept = await world.event()
        assert kept.outcomes() == ["met"]


@pytest.mark.long
async def test_twilio_is_down_for_good(world: World) -> None:
    """No phone can ring: everybody on call is told directly in Slack, and can accept there."""
    await world.scene("Twilio down")
    await world.post("edr")
    await world.advance_until("1:00")
    for name in ("ana", "ben"):
        world.phone(name).expects_direct_message("Reduce 12.5 MW")
    await world.presses_button(world.slack("U0ANA")[0], "acknowledge", by="ana", channel="U0ANA")
    await world.advance(minutes=11)
    world.phone("ana").expects_direct_message("Accepted", "This counts")
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert world.settled(kept) == []


async def test_the_answer_is_lost_but_callbacks_come(world: World) -> None:
    """Twilio has the call and rings; its callbacks settle the row before anybody has to look."""
    await world.scene("nobody answers")
    await world.breaks("twilio", status="accept_then_hang", count=1, path="/Calls.json")
    await world.post("edr")
    await world.advance_until("2:00")
    world.phone("ana").expects_call(at="0:00")
    world.phone("ben").expects_call(at="0:01")
    await texts(world, "ana", "ben")
    kept = await world.event()
    assert kept.row("ana").state is State.DELIVERED
    assert [a.state for a in kept.attempts if a.address == world.phone("ana").number][:1] == [AttemptState.ACCEPTED]


async def test_the_answer_is_lost_and_callbacks_too(world: World) -> None:
    """The call is found at the vendor: one ring only, and the row is SENT by what was found."""
    await world.scene("nobody answers")
    await world.breaks("twilio", status="accept_then_hang", count=1, path="/Calls.json")
    world.front.deaf = True
    await world.post("edr")
    await world.advance_until("0:04")
    assert (await world.event()).row("ana").state is State.SENDING
    await world.advance_until("0:06")
    row = (await world.event()).row("ana")
    assert row.sent_at is not None
    assert world.moment(row.sent_at) == "0:05"
    assert row.state in (State.SENT, State.DELIVERED)
    world.front.deaf = False
    await world.advance_until("2:20")
    world.phone("ana").expects_call(at="0:00")
    world.phone("ben").expects_call(at="0:01")
    await texts(world, "ana", "ben")


async def test_the_call_never_reached_twilio(world: World) -> None:
    """It is looked up at 3 (as soon as we stop waiting: 5), 10 and 25 seconds, then rung, once."""
    await world.scene("nobody answers")
    await world.breaks("twilio", status="hang", count=1, path="/Calls.json")
    await world.post("edr")
    await world.advance_until("0:24")
    assert (await world.event()).row("ana").state is State.UNKNOWN
    await world.advance_until("2:00")
    world.phone("ana").expects_call(at="0:25")
    world.phone("ben").expects_call(at="0:01")
    world.phone("ana").expects_direct_message("Reduce 12.5 MW", at="0:07")
    await texts(world, "ana", "ben")
    kept = await world.event()
    states = [
        a.state for a in kept.attempts if a.channel is ChannelName.VOICE and a.address == world.phone("ana").number
    ]
    assert states == [AttemptState.ABSENT, AttemptState.ACCEPTED]
    assert world.settled(kept) == []


async def test_twilio_hangs_and_cannot_be_asked_either(world: World) -> None:
    """Too few failures to count as away: what is unknown is told in Slack as soon as a look has found nothing out."""
    await world.breaks("twilio", status="hang", count=1000)
    await world.post("edr")
    await world.advance_until("0:10")
    assert (await world.event()).row("ana").state is State.UNKNOWN
    for name in ("ana", "ben"):
        assert world.phone(name).expects_direct_message("Reduce 12.5 MW").at <= "0:09"
    await world.mends("twilio")
    await world.presses_button(world.slack("U0ANA")[0], "acknowledge", by="ana", channel="U0ANA")
    await world.advance(minutes=11)
    world.phone("ana").expects_direct_message("Accepted", "This counts")
    world.phone("ben").expects_text("Ana Reyes has it since")
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert world.settled(kept) == []


async def test_a_text_whose_answer_is_lost(world: World) -> None:
    """It is found at the vendor by its words: it is not sent again, and its second part follows."""
    await world.scene("nobody answers")
    await world.breaks("twilio", status="accept_then_hang", count=1, path="/Messages.json")
    world.front.deaf = True
    await world.post("edr")
    await world.advance_until("0:10")
    world.front.deaf = False
    await world.advance_until("2:20")
    for name, at in (("ana", "0:00"), ("ben", "0:01")):
        world.phone(name).expects_call(at=at)
    await texts(world, "ana", "ben")
    assert world.settled(await world.event()) == []


async def test_a_text_that_never_reached_twilio(world: World) -> None:
    """Both parts come, once, after the last look. It is Ben's: Ana is being called, so his is his first message."""
    await world.scene("all busy")
    await world.breaks("twilio", status="hang", count=1, path="/Messages.json")
    await world.post("edr")
    await world.advance_until("2:20")
    for name, at in (("ana", "0:00"), ("ben", "0:01"), ("chie", "0:03"), ("dee", "0:05")):
        world.phone(name).expects_call(at=at)
    for name, at in (("ana", "0:02"), ("chie", "0:05"), ("dee", "0:07"), ("ben", "0:27")):
        world.phone(name).expects_text("Reply 1", at=at)
    world.phone("ben").expects_direct_message("Reduce 12.5 MW")
    assert world.settled(await world.event()) == []


async def test_slack_limits_us(world: World) -> None:
    """Retry-After is honoured; the message comes once."""
    await world.scene("nobody answers")
    await world.breaks("slack", status=429, count=1)
    await world.post("edr")
    await world.advance_until("1:00")
    assert [p.at for p in world.slack()] == ["0:02"]
    for name, at in (("ana", "0:00"), ("ben", "0:01")):
        world.phone(name).expects_call(at=at)
    await texts(world, "ana", "ben")


async def test_slack_takes_it_and_hangs(world: World) -> None:
    """The post is found by its metadata: it stands there once, and the thread goes on below it."""
    await world.breaks("slack", status="accept_then_hang", count=1)
    await world.post("edr")
    await world.advance_until("1:00")
    posts = world.slack()
    assert [p.at for p in posts[:1]] == ["0:00"]
    assert len([p for p in posts if "ACT NOW" in p.text]) == 1
    assert [p.thread for p in posts[1:]] == [posts[0].ts]
    for name in ("ana", "ben"):
        world.phone(name).expects_call()
    await texts(world, "ana", "ben")
    assert world.settled(await world.event()) == []


async def test_pagerduty_drops_the_connection(world: World) -> None:
    """The same alert is sent again under the same key: one alert, not two."""
    await world.scene("nobody answers")
    await world.breaks("pagerduty", status="reset", count=1)
    await world.post("edr")
    await world.advance_until("1:00")
    assert [(p.at, p.action, p.key) for p in world.pagerduty()] == [("0:02", "trigger", "g1")]
    kept = await world.event()
    tries = [a for a in kept.attempts if a.channel is ChannelName.PAGERDUTY]
    assert [a.state for a in tries] == [AttemptState.FAILED, AttemptState.ACCEPTED]
    assert world.pagerduty()[0].dedup_key == "miso:E-1:g1"
    for name in ("ana", "ben"):
        world.phone(name).expects_call()
    await texts(world, "ana", "ben")


async def test_a_number_that_is_being_called_already(world: World) -> None:
    """Two events for one phone: the second call is held, and rung as soon as the line is free."""
    await world.scene("nobody answers")
    await world.post("edr", "E-1")
    await world.advance_until("0:03")
    await world.post("edr", "E-2")
    await world.advance_until("0:10")
    rows = {name: (await world.event("E-2")).row(name) for name in ("ana", "ben")}
    assert {row.hold for row in rows.values()} == {"number_busy"}
    await world.advance_until("1:00")
    world.phone("ben").expects_call("Reference one", at="0:01")
    ana = world.phone("ana").expects_call("Reference one", at="0:00")
    await ana.is_declined()
    await world.advance_until("1:30")
    world.phone("ana").expects_call("Reference two", at="1:00")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Ref 1 r1")
        world.phone(name).expects_text("Ref 2 r1")
        world.phone(name).expects_direct_message("Reduce 12.5 MW")


async def test_one_line_for_two_people(opens: OpenWorld) -> None:
    """The second is held, told in Slack meanwhile, and rung at the instant the line is free."""
    async with opens(twilio_lines=1) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("0:10")
        assert (await world.event()).row("ben").hold == "lines"
        await world.advance_until("1:00")
        await world.phone("ana").expects_call(at="0:00").is_declined()
        await world.advance_until("1:30")
        world.phone("ben").expects_call(at="1:00")
        world.phone("ben").expects_direct_message("Reduce 12.5 MW", at="0:00")
        await texts(world, "ana", "ben")


async def test_one_channel_takes_one_message_a_second(world: World) -> None:
    """Five at once, then one a second: none is lost, none waits longer."""
    for number in range(8):
        await world.post("edr", f"E-{number}", mode="test")
    await world.advance(minutes=1)
    assert [p.at[:4] for p in world.slack("C0OPSTEST")] == ["0:00"] * 5 + ["0:01", "0:02", "0:03"]


async def test_callbacks_twice_and_out_of_order(world: World) -> None:
    """Receipts that come doubled or swapped move no row backwards, and no instant is overwritten."""
    await world.breaks("twilio", callbacks="swap")
    await world.post("edr", "E-1")
    await world.advance_until("1:00")
    await world.breaks("twilio", callbacks="duplicate")
    await world.post("edr", "E-2")
    await world.advance_until("2:00")
    for name in ("E-1", "E-2"):
        kept = await world.event(name)
        assert kept.outcomes() == ["met"]
        row = kept.row("ana")
        assert row.state is State.ACKNOWLEDGED
        instants = [row.sent_at, row.delivered_at, row.answered_at, row.acknowledged_at]
        assert instants == sorted(at for at in instants if at)
        assert world.settled(kept) == []
        for who in ("ana", "ben"):
            world.phone(who).expects_call()
            world.phone(who).expects_text("Reply 1", f"Ref {name[-1]} ")


async def test_everybody_is_busy(world: World) -> None:
    """Busy phones are failures of people, not of channels: nobody is told in Slack; the next are called at once."""
    await world.scene("all busy")
    await world.post("edr")
    await world.advance_until("1:00")
    times = {"ana": "0:00", "ben": "0:01", "chie": "0:03", "dee": "0:05"}
    calls: list[Call] = [world.phone(name).expects_call(at=at) for name, at in times.items()]
    assert [c.ended for c in calls] == ["busy"] * 4
    await texts(world, *times)
    kept = await world.event()
    assert (kept.row("ana").state, kept.row("ana").reason) == (State.FAILED, "busy")


async def test_the_answer_to_the_first_part_of_a_text_is_lost(world: World) -> None:
    """Twilio's callback says that it has part 1: part 2 follows, and nothing is sent twice."""
    await world.scene("nobody answers")
    await world.breaks("twilio", status="accept_then_hang", count=1, path="/Messages.json")
    await world.post("edr")
    await world.advance_until("2:00")
    kept = await world.event()
    parts: dict[str, list[int]] = {}
    for attempt in kept.attempts:
        if attempt.channel is ChannelName.SMS and attempt.state is AttemptState.ACCEPTED:
            parts.setdefault(attempt.address, []).append(attempt.part)
    assert [sorted(found) for found in parts.values()] == [[1, 2], [1, 2]]
    for name in ("ana", "ben"):
        world.phone(name).expects_call()
    await texts(world, "ana", "ben")


async def failures(world: World) -> int:
    """Calls that the vendor did not take."""
    attempts = (await world.event()).attempts
    return len([a for a in attempts if a.channel is ChannelName.VOICE and a.state is AttemptState.FAILED])


async def test_twilio_does_not_answer_for_a_while(world: World) -> None:
    """After five failures in a row PagerDuty wakes people at once; once one call goes through, all the others do."""
    await world.scene("Twilio down")
    await world.post("edr")
    await world.advance_until("0:20")
    assert [(p.action, p.severity) for p in world.pagerduty()] == [
        ("trigger", "info"),
        ("trigger", "critical"),
        ("resolve", None),
    ]
    metrics = (await world.http.get("/metrics")).text
    assert 'gridcall_vendor_unanswered_seconds{channel="voice"}' in metrics
    asked = await failures(world)
    await world.advance_until("1:05")
    assert await failures(world) - asked == 4  # at 0:27, 0:37, 0:47, 0:57
    await world.scene("nobody answers")
    await world.advance_until("1:20")
    for name in ("ana", "ben"):
        world.phone(name).expects_direct_message("Reduce 12.5 MW")
        world.phone(name).expects_call()
        world.phone(name).expects_text("Reply 1")
    await world.phone("ana").says("1")
    await world.advance(minutes=11)
    world.phone("ben").expects_text("Ana Reyes has it since")
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert "gridcall_vendor_unanswered_seconds{" not in (await world.http.get("/metrics")).text
    assert world.settled(kept) == []
