"""The Python of docs/sending.md keeps the contract that stands beside it."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError

import pytest

SENDING = Path(__file__).parents[3] / "docs" / "sending.md"
KEPT = {"event_id": "E-1", "headline": "h"}


class Gridcall(HTTPServer):
    """Answers in turn; None: closes the connection without a word, 0: in the middle of one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, dict[str, str]] | None] = []
        self.posts: list[tuple[str, bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Gridcall

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posts.append((self.headers["idempotency-key"], body))
        answer = self.server.answers.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, headers = answer
        half = status == 0
        self.send_response(status or 202)
        if half:
            self.send_header("content-length", "1000")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b'{"event_id": "E-1"}')
        self.close_connection = self.close_connection or half

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def gridcall() -> Iterator[Gridcall]:
    server = Gridcall()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def send(gridcall: Gridcall, slept: list[float]) -> Callable[..., Any]:
    """As it stands there, but for the sleep."""
    [code] = re.findall(r"```python\n(.*?)```", SENDING.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    names["time"] = SimpleNamespace(sleep=slept.append)
    return lambda event: names["send"](event, f"http://127.0.0.1:{gridcall.server_port}", "key")


def test_it_sends_the_same_again_until_it_is_safe(
    gridcall: Gridcall, send: Callable[..., Any], slept: list[float]
) -> None:
    gridcall.answers = [None, (503, {"Retry-After": "5"}), (0, {}), (500, {}), (429, {}), (502, {}), (202, {})]
    assert send(KEPT) == {"event_id": "E-1"}
    assert slept == [1, 5, 4, 8, 8, 8]
    assert len(set(gridcall.posts)) == 1
    assert json.loads(gridcall.posts[0][1]) == KEPT
    gridcall.answers = [(202, {})]
    send(KEPT)
    assert len({key for key, _ in gridcall.posts}) == 2, "another message has another key"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 413, 422])
def test_it_stops_where_a_repeat_does_not_help(
    gridcall: Gridcall, send: Callable[..., Any], slept: list[float], status: int
) -> None:
    gridcall.answers = [(status, {"Location": "/elsewhere"})]
    with pytest.raises(HTTPError):
        send(KEPT)
    assert slept == []


def test_it_gives_up_when_it_is_due(gridcall: Gridcall, send: Callable[..., Any], slept: list[float]) -> None:
    gridcall.answers = [(503, {})] * 3
    with pytest.raises(TimeoutError):
        send(KEPT | {"ack_due_at": (datetime.now(UTC) + timedelta(seconds=3)).isoformat()})
    assert slept == [1, 2]


def test_an_end_is_sent_again_though_its_event_was_due_long_ago(
    gridcall: Gridcall, send: Callable[..., Any], slept: list[float]
) -> None:
    """The whole event is sent again with it; people go on curtailing until it is here."""
    due = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    for more in ({"message_type": "terminate"}, {"revision": 2, "message_type": "update"}):
        gridcall.answers = [(503, {}), (202, {})]
        send(KEPT | more | {"ack_due_at": due})
    assert slept == [1, 1]
