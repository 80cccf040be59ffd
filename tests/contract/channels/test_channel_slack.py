"""Slack through its SDK against a server that answers as told."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from fake_vendor import ODD_ANSWERS, T0

from model.clock import SystemClock
from model.errors import OutcomeUnknown, SendError
from model.plan import ChannelName
from model.ports import Edit
from notifiers.channels.slack import SlackChannel, SlackWorkspace
from notifiers.channels.slack_interactions import SlackAction, slack_action

TS = f"{T0.timestamp():.6f}"
POSTED = {"ok": True, "channel": "C1", "ts": TS}
BUTTON = {"type": "button", "action_id": "acknowledge", "value": '{"event": "e1", "revision": 2}'}
BLOCKS = [{"type": "section"}, {"type": "actions", "elements": [BUTTON]}]


@pytest.fixture
async def workspace(vendor):
    shared = SlackWorkspace(token="xoxb-1", clock=SystemClock(), base_url=vendor.url + "/slack/api")
    yield shared
    await shared.close()


@pytest.fixture
def team(workspace, patience):
    return SlackChannel(ChannelName.SLACK_CHANNEL, workspace, timeout_seconds=patience)


@pytest.fixture
def post(make_send):
    def make(**more):
        return make_send(ChannelName.SLACK_CHANNEL, address="C1", payload={"blocks": BLOCKS}, **more)

    return make


async def test_post_carries_mark_and_buttons(vendor, team, post):
    vendor.answer = lambda seen: (200, POSTED)
    sent = await team.send(post())
    assert (sent.vendor_id, sent.vendor_at) == (f"C1/{TS}", T0)
    (seen,) = vendor.seen
    assert seen.path == "/slack/api/chat.postMessage"
    assert seen.headers["Authorization"] == "Bearer xoxb-1"
    assert seen.json["metadata"] == {
        "event_type": "gridcall_attempt",
        "event_payload": {"attempt": "0198-a", "event": "e1"},
    }
    (button,) = seen.json["blocks"][1]["elements"]
    assert json.loads(button["value"]) == {"attempt": "0198-a", "event": "e1", "revision": 2}
    assert "thread_ts" not in seen.json
    assert "attempt" not in BUTTON["value"]


async def test_later_posts_go_to_the_thread(vendor, team, post):
    vendor.answer = lambda seen: (200, POSTED)
    await team.send(post(thread="C1/111.222"))
    assert vendor.seen[0].json["thread_ts"] == "111.222"
    assert vendor.seen[0].json["channel"] == "C1"


def edits(anew=False, vendor_id="C1/111.222"):
    return {"edit": Edit(vendor_id, anew)}


async def test_an_edit_stands_where_the_post_stood(vendor, team, post):
    vendor.answer = lambda seen: (200, {"ok": True, "channel": "C1", "ts": "111.222", "text": "x", "message": {}})
    sent = await team.send(post(**edits()))
    assert (sent.vendor_id, sent.vendor_at) == ("C1/111.222", None)
    (seen,) = vendor.seen
    assert seen.path == "/slack/api/chat.update"
    assert (seen.json["channel"], seen.json["ts"]) == ("C1", "111.222")
    assert "metadata" not in seen.json  # the post's own stays: by that it is found


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed"])
async def test_what_is_gone_is_posted_anew_where_that_is_wanted(vendor, team, post, error):
    vendor.answer = lambda seen: (200, {"ok": False, "error": error} if "update" in seen.path else POSTED)
    with pytest.raises(SendError) as caught:
        await team.send(post(**edits()))
    assert (caught.value.retryable, caught.value.code) == (False, error)
    assert len(vendor.seen) == 1
    sent = await team.send(post(**edits(anew=True)))
    assert sent.vendor_id == f"C1/{TS}"


async def test_what_never_stood_alone_is_not_edited(vendor, team, post):
    """A post that failed, or one that tells other events too: their buttons stay."""
    vendor.answer = lambda seen: (200, POSTED)
    with pytest.raises(SendError) as caught:
        await team.send(post(**edits(vendor_id=None)))
    assert not caught.value.retryable
    assert vendor.seen == []
    assert (await team.send(post(**edits(vendor_id=None, anew=True)))).vendor_id == f"C1/{TS}"


@pytest.mark.parametrize("patience", [0.4])
@pytest.mark.parametrize("fault", ["hang", "reset"])
async def test_an_edit_whose_answer_is_lost_may_be_repeated(vendor, team, post, fault):
    vendor.fault = fault
    with pytest.raises(SendError) as caught:
        await team.send(post(**edits(anew=True)))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.retryable
    assert len(vendor.seen) == 1


async def test_dm_is_opened_once(vendor, workspace, make_send):
    vendor.answer = lambda seen: (
        200,
        {"ok": True, "channel": {"id": "D1"}} if "open" in seen.path else POSTED | {"channel": "D1"},
    )
    dm = SlackChannel(ChannelName.SLACK_DM, workspace)
    for _ in range(2):
        sent = await dm.send(make_send(ChannelName.SLACK_DM, address="U1"))
    assert sent.vendor_id == f"D1/{TS}"
    paths = [s.path.rpartition("/")[2] for s in vendor.seen]
    assert paths == ["conversations.open", "chat.postMessage", "chat.postMessage"]
    assert vendor.seen[0].query["users"] == "U1"


async def test_people_are_known_before_they_are_written_to(vendor, workspace, make_send):
    """So many at a time; whom Slack does not know is asked for once; who is known costs an event nothing."""

    def answer(seen):
        if "open" not in seen.path:
            return (200, POSTED | {"channel": "D1"})
        user = seen.query["users"]
        return (
            200,
            {"ok": False, "error": "user_not_found"} if user == "U2" else {"ok": True, "channel": {"id": "D1"}},
        )

    vendor.answer = answer
    dm = SlackChannel(ChannelName.SLACK_DM, workspace)
    for _ in range(3):
        await dm.get_to_know(["U1", "U2", "U3"], at_most=2)
    assert [seen.query["users"] for seen in vendor.seen] == ["U1", "U2", "U3"]
    await dm.send(make_send(ChannelName.SLACK_DM, address="U3"))
    assert [seen.path.rpartition("/")[2] for seen in vendor.seen[3:]] == ["chat.postMessage"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "12"}), (True, "ratelimited", 12, False, False)),
        ((200, {"ok": False, "error": "channel_not_found"}), (False, "channel_not_found", None, True, False)),
        ((200, {"ok": False, "error": "invalid_auth"}), (False, "invalid_auth", None, False, True)),
        ((200, {"ok": False, "error": "msg_too_long"}), (False, "msg_too_long", None, False, False)),
        ((200, {"ok": False, "error": "brand_new"}), (True, "brand_new", None, False, False)),
        ((200, {"ok": False, "error": "service_unavailable"}), (True, "service_unavailable", None, False, False)),
        ((503, "<html>"), (True, "503", None, False, False)),
    ],
)
async def test_errors_by_table(vendor, team, post, answer, expected):
    vendor.answer = lambda seen: answer
    with pytest.raises(SendError) as caught:
        await team.send(post())
    e = caught.value
    assert not isinstance(e, OutcomeUnknown)
    assert (e.retryable, e.code, e.retry_after_seconds, e.bad_address, e.stop_channel) == expected
    assert e.answered is (e.code not in ("503", "service_unavailable"))
    assert len(vendor.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (500, "<html>"),
        (500, {"ok": False, "error": "x"}),
        (200, {"ok": False, "error": "internal_error"}),
        (200, "<html>"),
        (200, "plain", {"Content-Type": "text/plain"}),
        (200, {"ok": True}),
    ],
)
async def test_unclear_answers_are_unknown(vendor, team, post, answer):
    vendor.answer = lambda seen: answer
    with pytest.raises(OutcomeUnknown):
        await team.send(post())
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("patience", [0.4])
@pytest.mark.parametrize("fault", ["hang", "reset"])
async def test_lost_answer_is_unknown_and_posted_once(vendor, team, post, fault):
    vendor.fault = fault
    with pytest.raises(OutcomeUnknown):
        await team.send(post())
    assert len(vendor.seen) == 1


async def test_dm_that_cannot_be_opened_is_certainly_not_sent(vendor, workspace, make_send):
    vendor.fault = "reset"
    with pytest.raises(SendError) as caught:
        await SlackChannel(ChannelName.SLACK_DM, workspace).send(make_send(ChannelName.SLACK_DM, address="U1"))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.retryable


async def test_no_connection_is_certainly_not_sent(closed_port, post):
    channel = SlackChannel(
        ChannelName.SLACK_CHANNEL, SlackWorkspace(token="x", clock=SystemClock(), base_url=closed_port)
    )
    with pytest.raises(SendError) as caught:
        await channel.send(post())
    assert not isinstance(caught.value, OutcomeUnknown)
    await channel.close()


def marked(attempt, ts=TS):
    return {
        "ts": ts,
        "metadata": {"event_type": "gridcall_attempt", "event_payload": {"attempt": attempt, "event": "e1"}},
    }


async def test_find_by_mark(vendor, team, post):
    vendor.answer = lambda seen: (200, {"ok": True, "messages": [{"ts": "9.9"}, marked("0198-a")]})
    found = await team.find(post().attempt, frozenset(), T0)
    assert found.vendor_id == f"C1/{TS}"
    assert vendor.seen[0].query["include_all_metadata"] in ("1", "true")


async def test_find_looks_into_the_thread(vendor, team, post):
    """Also where the message above was posted for several events, of which this is not the first."""
    vendor.answer = lambda seen: (
        200,
        {"ok": True, "messages": [marked("parent", "5.0")] if "history" in seen.path else [marked("0198-a")]},
    )
    found = await team.find(post().attempt, frozenset(), T0 + timedelta(seconds=1), "C1/5.0")
    assert found.vendor_id == f"C1/{TS}"
    assert vendor.seen[1].query["ts"] == "5.0"


async def test_find_nothing(vendor, team, post):
    vendor.answer = lambda seen: (
        200,
        {"ok": True, "messages": [marked("parent", "5.0")]}
        if "history" in seen.path
        else {"ok": False, "error": "unknown_method"},
    )
    assert await team.find(post().attempt, frozenset(), T0, "C1/5.0") is None
    assert len(vendor.seen) == 2
    assert await team.find(post().attempt, frozenset(), T0) is None
    assert len(vendor.seen) == 3  # it was to stand in no thread


@pytest.mark.parametrize("patience", [0.4])
async def test_find_that_cannot_ask_says_so(vendor, team, post):
    vendor.fault = "hang"
    with pytest.raises(SendError) as caught:
        await team.find(post().attempt, frozenset(), T0)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "answer",
    [
        *ODD_ANSWERS,
        (200, {"ok": True}),
        (200, {"ok": True, "channel": "D1", "messages": []}),
        (200, {"ok": True, "channel": {"id": "D1"}, "messages": None}),
    ],
)
async def test_an_answer_nobody_can_read_is_no_end_and_no_absence(vendor, workspace, make_send, answer):
    """Taken for "nothing there" the message would be posted once more."""
    vendor.answer = lambda seen: answer
    channel = SlackChannel(ChannelName.SLACK_DM, workspace)
    attempt = make_send(ChannelName.SLACK_DM, address="U1").attempt
    with pytest.raises(SendError) as caught:
        await channel.find(attempt, frozenset(), T0)
    assert caught.value.retryable


@pytest.mark.parametrize("answer", ODD_ANSWERS)
async def test_nor_of_a_check(vendor, workspace, answer):
    vendor.answer = lambda seen: answer
    with pytest.raises(SendError) as caught:
        await workspace.check()
    assert caught.value.retryable


async def test_odd_messages_among_others_are_passed_over(vendor, team, post):
    attempt = post().attempt
    odd = [None, {"ts": 1, "metadata": "x"}, {"metadata": {"event_type": "gridcall_attempt", "event_payload": 3}}]
    vendor.answer = lambda seen: (200, {"ok": True, "messages": [*odd, marked(attempt.id, "1e99")]})
    found = await team.find(attempt, frozenset(), T0)
    assert (found.vendor_id, found.receipt.vendor_at) == ("C1/1e99", None)


def test_button_payload():
    payload = {
        "type": "block_actions",
        "user": {"id": "U1"},
        "container": {"type": "message", "message_ts": "111.222", "channel_id": "C1"},
        "response_url": "https://hooks.slack.com/actions/x",
        "actions": [{"action_id": "other"}, {"action_id": "cannot_comply", "value": "{}", "type": "button"}],
    }
    assert slack_action(payload) == SlackAction(
        "U1", "cannot_comply", "{}", "C1", "111.222", "https://hooks.slack.com/actions/x"
    )
    assert slack_action(payload | {"actions": []}) is None
    assert slack_action({"type": "view_submission"}) is None


def test_sdk_stays_unloaded_until_used():
    source = Path("notifiers/channels/slack.py").read_text()
    assert not [line for line in source.splitlines() if line.startswith(("import slack_sdk", "from slack_sdk"))]
