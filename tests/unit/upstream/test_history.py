"""How MISO is asked for what we missed, and what is taken from its answer."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intake.read import read
from model.errors import Unreached
from model.reading import Feed, Reading
from model.upstream import History
from upstream.history import FURTHEST, MOST_PAGES, PAGE, following, posted, questions, since

NOW = datetime(2026, 7, 15, 5, 30, tzinfo=UTC)  # half past midnight by MISO's clock
KEPT = History(url="https://mui.example.com/dart2/", participant="AC/ME")


def test_each_kind_and_each_of_its_days_is_asked_for() -> None:
    asked = list(questions(KEPT, NOW - timedelta(hours=1), NOW))
    assert [q.path.removeprefix("https://mui.example.com/dart2/markets/notifications/") for q in asked] == [
        f"2026-07-{day}/{kind}/participants/AC%2FME/messages"
        for day in (14, 15)
        for kind in ("emergency-notification", "contingency-reserve")
    ]
    assert [q.query["since"] for q in asked[::2]] == ["2026-07-14T23:30:00-05:00", "2026-07-15T00:00:00-05:00"]
    assert [q.query.get("realm") for q in asked] == ["Both", None] * 2


def test_asked_from_where_the_last_answer_ended_and_not_for_what_nobody_can_act_on() -> None:
    assert since(NOW - timedelta(hours=2), NOW) == NOW - timedelta(hours=2, minutes=10)
    assert since(None, NOW) == NOW - timedelta(hours=1)
    assert since(NOW - timedelta(days=9), NOW) == NOW - FURTHEST


def test_page_by_page_and_not_for_ever() -> None:
    [question, *_] = questions(KEPT, NOW, NOW)
    assert following(question, PAGE - 1) is None
    pages = [question]
    while (more := following(pages[-1], PAGE)) is not None:
        pages.append(more)
    assert [p.page for p in pages] == list(range(MOST_PAGES))


def row(created: str, text: str = "Maximum Generation Warning.", **more: object) -> dict[str, object]:
    message = {"realm": "Private", "source": "MISO", "destination": "ACME", "priority": 0, "text": text}
    payload = {"test": False, "notificationData": {"messages": [message]}}
    return {
        "eventType": "Emergency Notification",
        "status": "SENT",
        "created": created,
        "requestPayload": payload,
    } | more


def test_what_was_posted_is_taken_as_it_was_oldest_first() -> None:
    rows = [row("2026-07-14T10:00:00-05:00", "Later"), row("2026-07-14T09:00:00-05:00", "Sooner"), {"odd": 1}, None]
    bodies, count = posted(json.dumps(rows).encode())
    assert count == 4
    assert [json.loads(b)["notificationData"]["messages"][0]["text"] for b in bodies] == ["Sooner", "Later"]


@pytest.mark.parametrize("answer", [b"", b"{", b"{}", b"null", b"[" * 20_000, b"\xff"])
def test_what_is_no_history_is_said_so(answer: bytes) -> None:
    with pytest.raises(Unreached):
        posted(answer)


def test_what_comes_twice_is_one_statement(samples: Path) -> None:
    """As it was posted, and as the history has it: `test` is a word there and a boolean here."""
    sample = (samples / "miso_mui_emergency_step2.json").read_bytes()
    payload = json.loads(sample) | {"test": False}
    [body], _ = posted(json.dumps([{"requestPayload": payload, "created": "x"}]).encode())
    feed = Feed(source="mui", format="miso-mui")
    [first], [again] = (read(b, {}, feed, NOW) for b in (sample, body))
    assert isinstance(first, Reading)
    assert isinstance(again, Reading)
    assert (first.native_id, first.digest) == (again.native_id, again.digest)
