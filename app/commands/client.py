"""The HTTP side of the commands: one address, one key, and every failure as one sentence."""

import os
import sys
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

import httpx2

from model.errors import GridcallError

DEFAULT_URL = "http://127.0.0.1:8080"
SECONDS = 15.0
_LOCAL = ("127.0.0.1", "localhost", "::1")


class CommandError(GridcallError):
    """What the person at the terminal can mend, in one sentence."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Api:
    """The Gridcall of GRIDCALL_URL, as the holder of GRIDCALL_KEY. `demo_key` is tried where no key is given.

    `seconds`: how long an answer is waited for.
    """

    def __init__(self, demo_key: str = "demo-admin", seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self.url = (os.environ.get("GRIDCALL_URL") or DEFAULT_URL).rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandError(f"GRIDCALL_URL is not an address such as {DEFAULT_URL}: {self.url}")
        self._key = os.environ.get("GRIDCALL_KEY") or self._known_key(parts.hostname, demo_key)
        if not (self._key.isascii() and self._key.isprintable()) or " " in self._key:
            raise CommandError("GRIDCALL_KEY is not a key: expected visible ASCII characters without spaces")

    def _known_key(self, host: str, demo_key: str) -> str:
        if host not in _LOCAL:
            raise CommandError(f"GRIDCALL_KEY is not set: give the key with which you are known at {self.url}")
        print(f"GRIDCALL_KEY is not set: trying the demo's {demo_key}", file=sys.stderr)
        return demo_key

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> Answer:
        """What the server answered, whatever it was. Raises CommandError when there was no answer."""
        headers = {"Authorization": f"Bearer {self._key}"} | (headers or {})
        try:
            # Directly: a proxy of the environment is for other places than a Gridcall of one's own.
            with httpx2.Client(timeout=self._seconds, trust_env=not self._local) as client:
                response = client.request(method, f"{self.url}{path}", headers=headers, **more)
        except httpx2.ConnectError as error:
            if "refused" in str(error):
                raise CommandError(f"nothing listens at {self.url}: start it with make run") from None
            raise CommandError(f"{self.url} cannot be reached: {error}") from None
        except httpx2.TimeoutException:
            raise CommandError(f"{self.url} did not answer within {self._seconds:g} seconds") from None
        except httpx2.HTTPError as error:
            raise CommandError(f"{self.url} gave no proper answer: {error}") from None
        return Answer(response.status_code, _body(response))

    def call(self, method: str, path: str, **more: Any) -> Any:
        """The body of a 2xx answer. Raises CommandError with what the server said otherwise."""
        answer = self.send(method, path, **more)
        if not answer.ok:
            refused(answer)
        return answer.body

    def get(self, path: str, **params: Any) -> Any:
        return self.call("GET", path, params={k: v for k, v in params.items() if v is not None})

    @property
    def _local(self) -> bool:
        return urlsplit(self.url).hostname in _LOCAL


def segment(text: str) -> str:
    """A part of a path: an event's id may hold anything printable."""
    return quote(text, safe="")


def refused(answer: Answer) -> NoReturn:
    body = answer.body if isinstance(answer.body, dict) else {}
    title, detail = body.get("title") or f"status {answer.status}", body.get("detail")
    raise CommandError(f"{title}: {detail}" if detail else str(title))


def _body(response: httpx2.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        return response.text
