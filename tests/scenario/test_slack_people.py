"""What people do in Slack besides accepting: a reason, who else is called, and /gridcall."""

import json

import pytest

from app import slack_actions
from model.ids import SystemIds
from notifiers.channels.slack_interactions import ACKNOWLEDGE, SlackAction
from sandbox import Settings as Accounts
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World

SLACK = Accounts()
WAYS: dict[str, dict[str, str]] = {
    "by requests of Slack's": {},
    "over a socket of ours": {"slack_bot_token": SLACK.slack_bot_token, "slack_app_token": SLACK.slack_app_token},
}


@pytest.mark.parametrize("way", WAYS)
async def test_what_people_do_in_slack(opens: OpenWorld, way: str) -> None:
    """Cannot comply counts before the form is filled in; who asks is told; a command accepts, and takes over a rota."""
    async with opens(**WAYS[way]) as world:
        await story(world)
        assert world.standins.slack_sockets.open == (way != "by requests of Slack's")


async def story(world: World) -> None:
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:05")
    alert = world.slack()[0]
    await world.presses_button(alert, "who_else", by="dee")
    [(asked, told)] = world.whispers()
    assert asked == world.phone("dee").slack
    assert told.splitlines()[1:] == [
        "Ana Reyes is being called",
        "Ben Okafor is being called",
        "The next people are called at 12:02 CST, unless somebody accepts.",
    ]
    await world.presses_button(alert, "acknowledge", by="U0STRANGER")
    assert world.whispers()[-1][1].startswith("You are not in Gridcall's roster, so nothing counted.")

    await world.presses_button(alert, "cannot_comply", by="ana")
    await world.advance_until("0:06")
    assert [(r.person, str(r.answer)) for r in (await world.event()).replies] == [("ana", "cannot_comply")]
    await world.gives_a_reason("The press is <hot> & must run", by="ana")
    await world.advance_until("0:10")
    kept = await world.event()
    assert len(kept.replies) == 1  # a reason is no second answer
    assert [e.body["reason"] for e in kept.timeline if e.kind == "reason"] == ["The press is <hot> & must run"]
    assert world.slack()[-1].text == "Ana Reyes cannot comply: The press is &lt;hot&gt; &amp; must run"

    assert await world.types_in_slack("help", by="ben") == await world.types_in_slack("cover now", by="ben")
    assert "Operations primary (ops-primary): " in await world.types_in_slack("oncall", by="ben")
    assert ": nobody has accepted, answer by Mon 18:10 GMT" in await world.types_in_slack("status", by="ben")
    assert "take no turns" in await world.types_in_slack("cover ops-backup 4h", by="ana")
    assert (await world.types_in_slack("ack 9999", by="ben")).startswith("Nothing counted: say which one")
    assert (await world.types_in_slack("ack", by="ben")).startswith("Accepted: Ref ")
    await world.advance_until("0:15")
    assert (await world.event()).outcomes() == ["met"]
    assert (await world.types_in_slack("status", by="ben")).endswith(": Ben Okafor has it")
    done = await world.types_in_slack("cover ops-primary 4h", by="ben")
    assert done == "You are on call for Operations primary until Mon 22:00 GMT."
    assert "Ben Okafor, until Mon 22:00 GMT" in await world.types_in_slack("oncall", by="ben")
    for phone in map(world.phone, ("ana", "ben", "chie")):
        for happened in (*phone.calls, *phone.texts):  # other stories look at what comes
            happened.expected = True


async def test_a_machine_that_picks_up_is_nobody(world: World) -> None:
    """Whoever asks meanwhile does not read that Ana has picked up."""
    await world.scene("nobody answers")
    await world.phone("ana").behaves(answer="voicemail", after_seconds=3, talk_seconds=60)
    await world.post("edr")
    await world.advance_until("0:20")
    await world.presses_button(world.slack()[0], "who_else", by="dee")
    [(_, told)] = world.whispers()
    assert told.splitlines()[1:3] == ["Ana Reyes was not reached: voicemail", "Ben Okafor is being called"]
    for phone in world.everybody():
        phone.expects_everything()


async def test_who_presses_what_does_not_count_is_told_why(world: World) -> None:
    """Silence would be taken for a yes: what was replaced keeps its buttons, and what has just ended still has them."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:05")
    more = {"action": "reduce_load", "target_mw": 15.0, "target_kind": "relative", "mandatory": True}
    await world.post("edr", revision=2, message_type="update", instruction=more, headline="MISO EDR: cut 15 MW")
    await world.advance_until("0:10")
    old, new = [post for post in world.slack() if '"acknowledge"' in post.shows()]
    await world.presses_button(old, "acknowledge", by="chie")
    replaced = "Not counted: MISO EDR Ref 1 r1. Revision 1 was replaced: revision 2 needs an answer."
    assert world.whispers() == [(world.phone("chie").slack, replaced)]
    assert (await world.event()).replies == []

    await world.breaks("slack", status=503, path="chat.update")
    await world.post("cancel", revision=3)
    await world.quiet()
    await world.presses_button(old, "cannot_comply", by="ben")
    await world.presses_button(new, "acknowledge", by="ben")
    over = [f"MISO EDR Ref 1 r{number}: it was cancelled. Nothing to do." for number in (1, 2)]
    assert [text for _, text in world.whispers()[1:]] == over

    unknown = SlackAction("U0BEN", ACKNOWLEDGE, json.dumps({"attempt": SystemIds().new()}), "C0OPS", new.ts, "")
    await slack_actions.press(world.service, unknown)
    assert world.whispers()[-1][1] == "That message is not known here any more. Nothing counted."
    await world.advance(seconds=10)
    for phone in world.everybody():
        phone.expects_everything()


async def test_people_are_known_before_an_event(world: World) -> None:
    """A direct message is then one request, not two."""
    await world.advance_until("0:25")
    known = len(world.wire.of("slack"))
    await world.breaks("twilio", status=503)
    await world.post("edr")
    await world.advance_until("0:35")
    asked = [exchange.scope["path"].rpartition("/")[2] for exchange in world.wire.of("slack")]
    assert asked[:known] == ["conversations.open"] * 5
    assert set(asked[known:]) == {"chat.postMessage"}
    for phone in world.everybody():
        phone.expects_everything()


async def test_who_presses_in_a_direct_message_reads_that_it_counts(world: World) -> None:
    """In the channel everybody reads it in the thread, which they do not see here."""
    await world.scene("nobody answers")
    await world.breaks("twilio", status=503)
    await world.post("edr")
    await world.advance_until("0:20")
    [post] = world.slack("U0ANA")
    direct = next(key for key, c in world.standins.workspace.channels.items() if getattr(c, "person", None) == "U0ANA")
    await world.presses_button(post, "cannot_comply", by="ana", channel=direct)
    assert world.whispers()[-1] == (
        "U0ANA",
        "Noted, you cannot: MISO EDR Ref 1 r1. The next person is called, if one is left and nobody has it.",
    )
    await world.presses_button(post, "acknowledge", by="ana", channel=direct)
    assert world.whispers()[-1] == ("U0ANA", "Accepted: MISO EDR Ref 1 r1. This counts.")
    await world.advance_until("0:40")
    for phone in world.everybody():
        phone.expects_everything()


async def test_the_reason_of_a_press_that_did_not_count_is_not_posted(world: World) -> None:
    """It was a button of a revision that is replaced, and she accepts the new one before she sends the form."""
    more = {"action": "reduce_load", "target_mw": 15.0, "target_kind": "relative", "mandatory": True}
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:05")
    await world.post("edr", revision=2, message_type="update", instruction=more, headline="MISO EDR: cut 15 MW")
    await world.advance_until("0:10")
    old, new = [post for post in world.slack() if '"acknowledge"' in post.shows()]
    await world.presses_button(old, "cannot_comply", by="ana")
    await world.presses_button(new, "acknowledge", by="ana")
    await world.advance_until("0:14")
    await world.gives_a_reason("the press runs", by="ana")
    await world.advance_until("0:20")
    assert not [post for post in world.slack() if "the press runs" in post.text]
    assert "reason" in {entry.kind for entry in (await world.event()).timeline}, "it is kept all the same"
    for phone in world.everybody():
        phone.expects_everything()


async def test_one_of_two_with_the_same_reference_is_named_by_its_id(world: World) -> None:
    await world.scene("nobody answers")
    for event_id in ("MISO-2026-0007", "PJM-2026-0007", "MISO-2026-0008"):
        await world.post("edr", event_id)
    await world.advance_until("0:05")
    said = await world.types_in_slack("ack 0007", by="dee")
    assert said == ("Nothing counted: say which one, /gridcall ack REF. Open: 0008, PJM-2026-0007, MISO-2026-0007.")
    assert "Ref 0007 r1" in await world.types_in_slack("ack PJM-2026-0007", by="dee")
    await world.advance_until("0:20")
    assert [r.person for r in (await world.event("PJM-2026-0007")).replies] == ["dee"]
    assert "Ref 0007 r1" in await world.types_in_slack("ack miso/MISO-2026-0007", by="dee")
    await world.advance_until("0:40")
    for phone in world.everybody():
        phone.expects_everything()
