"""Slack: posting, finding, limits, and a button that comes back signed."""

import json
from typing import Any

import httpx2

from sandbox.signing import slack_signature

from .conftest import Stage

BLOCKS = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*REDUCE*"}},
    {
        "type": "actions",
        "block_id": "answer",
        "elements": [
            {"type": "button", "action_id": "ack", "text": {"type": "plain_text", "text": "Accept"}, "value": "e1|1|a7"}
        ],
    },
]


async def slack(stage: Stage, method: str, token: str = "xoxb-sandbox", **arguments: Any) -> Any:
    headers = {"authorization": f"Bearer {token}"}
    return await stage.http.post(f"/slack/api/{method}", json=arguments, headers=headers, auth=httpx2.Auth())


async def post(stage: Stage, **arguments: Any) -> dict[str, Any]:
    answer = await slack(stage, "chat.postMessage", **({"channel": "C012345678", "text": "REDUCE"} | arguments))
    posted: dict[str, Any] = answer.json()
    assert posted["ok"], posted
    return posted


async def test_timestamps_differ_within_one_instant(stage: Stage) -> None:
    assert (await post(stage))["ts"] != (await post(stage))["ts"]


async def test_a_post_is_found_by_its_metadata_only_when_asked(stage: Stage) -> None:
    metadata = {"event_type": "attempt", "event_payload": {"id": "a7"}}
    await post(stage, metadata=metadata)
    plain = (await slack(stage, "conversations.history", channel="C012345678")).json()
    assert "metadata" not in plain["messages"][0]
    full = (await slack(stage, "conversations.history", channel="C012345678", include_all_metadata=True)).json()
    assert full["messages"][0]["metadata"] == metadata


async def test_history_comes_in_pages_newest_first(stage: Stage) -> None:
    for text in ("one", "two", "three"):
        await post(stage, text=text)
    page = (await slack(stage, "conversations.history", channel="C012345678", limit=2)).json()
    assert [message["text"] for message in page["messages"]] == ["three", "two"]
    cursor = page["response_metadata"]["next_cursor"]
    rest = (await slack(stage, "conversations.history", channel="C012345678", cursor=cursor)).json()
    assert [message["text"] for message in rest["messages"]] == ["one"]


async def test_a_thread_is_no_history(stage: Stage) -> None:
    """Whoever looks for a line has to know in which thread it stands."""
    parent = (await post(stage, text="one"))["ts"]
    await post(stage, text="below", thread_ts=parent)
    await post(stage, text="two")

    async def texts(method: str, **arguments: Any) -> list[str]:
        answer = (await slack(stage, method, channel="C012345678", **arguments)).json()
        return [message["text"] for message in answer["messages"]]

    assert await texts("conversations.history") == ["two", "one"]
    assert await texts("conversations.replies", ts=parent) == ["one", "below"]
    unknown = await slack(stage, "conversations.replies", channel="C012345678", ts="1.2")
    assert unknown.json() == {"ok": False, "error": "thread_not_found"}


async def test_an_update_replaces_text_and_buttons(stage: Stage) -> None:
    posted = await post(stage, blocks=BLOCKS)
    await slack(stage, "chat.update", channel=posted["channel"], ts=posted["ts"], text="Accepted by Ana")
    assert await stage.feed() == [("posted", "REDUCE"), ("updated", "Accepted by Ana")]
    press = {"channel": posted["channel"], "ts": posted["ts"], "action_id": "ack"}
    assert (await stage.http.post("/slack/press", json=press)).status_code == 404


def section(chars: int) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x" * chars}}


async def test_errors_have_names_and_status_200(stage: Stage) -> None:
    async def error(method: str, **arguments: Any) -> str:
        answer = await slack(stage, method, **arguments)
        assert answer.status_code == 200
        return str(answer.json()["error"])

    assert await error("chat.postMessage", channel="nowhere", text="x") == "channel_not_found"
    assert await error("chat.postMessage", channel="C0ARCHIVED", text="x") == "is_archived"
    assert await error("chat.postMessage", channel="C012345678") == "no_text"
    assert await error("chat.postMessage", channel="C012345678", text="x" * 40_001) == "msg_too_long"
    for block, many, name in (
        (section(2900), 5, "msg_blocks_too_long"),
        (section(3001), 1, "invalid_blocks"),
        (section(1), 51, "invalid_blocks"),
        (section(151) | {"type": "header"}, 1, "invalid_blocks"),
    ):
        assert await error("chat.postMessage", channel="C012345678", text="x", blocks=[block] * many) == name
    assert await error("users.lookupByEmail", email="nobody@example.com") == "users_not_found"
    assert await error("users.lookupByEmail", email="ana@") == "users_not_found"
    assert await error("conversations.open", channel="C012345678") == "method_not_supported_for_channel_type"
    assert await error("chat.delete") == "unknown_method"
    assert await error("auth.test", token="xoxb-other") == "invalid_auth"


async def test_a_channel_takes_a_burst_then_one_a_second(stage: Stage) -> None:
    for _ in range(20):
        await post(stage)
    limited = await slack(stage, "chat.postMessage", channel="C012345678", text="x")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "1")
    await post(stage, channel="C0ELSEWHERE")
    await stage.advance(1)
    await post(stage)


async def test_tokens_ask_for_faults(stage: Stage) -> None:
    assert (await slack(stage, "auth.test", token="xoxb-ratelimited")).status_code == 429
    assert (await slack(stage, "auth.test", token="xoxb-500")).status_code == 500


async def test_in_direct_messages_the_button_is_pressed_by_their_owner(stage: Stage) -> None:
    posted = await post(stage, channel="U0ANA00001", blocks=BLOCKS)
    press = {"channel": posted["channel"], "ts": posted["ts"], "action_id": "ack"}
    answer = await stage.http.post("/slack/press", json=press)
    assert answer.json()["payload"]["user"]["id"] == "U0ANA00001"


async def test_a_button_comes_back_signed_with_its_value(stage: Stage) -> None:
    posted = await post(stage, blocks=BLOCKS)
    press = {"channel": posted["channel"], "ts": posted["ts"], "action_id": "ack", "user": "U0ANA00001"}
    answer = await stage.http.post("/slack/press", json=press)
    assert answer.json()["status"] == 200
    _, form, headers, body = stage.customer.calls[0]
    payload = json.loads(form["payload"])
    assert payload["type"] == "block_actions"
    assert payload["user"]["id"] == "U0ANA00001"
    assert payload["actions"][0]["value"] == "e1|1|a7"
    assert payload["container"]["message_ts"] == posted["ts"]
    timestamp = int(headers["x-slack-request-timestamp"])
    assert timestamp == stage.clock.now().timestamp()
    secret = stage.world.settings.slack_signing_secret
    assert headers["x-slack-signature"] == slack_signature(secret, timestamp, body)
