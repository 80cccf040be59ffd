"""The stand-ins as `gridcall sandbox` runs them, without the vendors' rate limits, and with a list of what was asked:
`python -m tests.crash.standins PORT API_URL`.

`GET /requests?after=N` has an entry for each message, call or alert that a vendor was asked for, noted before the
stand-ins looked at it: {"at", "vendor", "about", "to", "status"}. `about`: our attempt's id, or PagerDuty's dedup key.
"""

import asyncio
import json
import re
import sys
import time
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import uvicorn

from model.clock import SystemClock
from sandbox import Settings, World, build

_ID = r"[0-9a-f]{8}-[0-9a-f-]{27}"
_ABOUT = {
    "/Calls.json": ("voice", re.compile(rf"/voice/({_ID})/status")),
    "/Messages.json": ("sms", re.compile(rf"/sms/({_ID})/status")),
    "/chat.postMessage": ("slack", re.compile(rf'"attempt": ?"({_ID})"')),
    "/enqueue": ("pagerduty", re.compile(r'"dedup_key": ?"([^"]+)"')),
}


class Asked:
    """Notes who asked for what, then lets it through."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._asked: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/requests":
            await self._show(scope, send)
        elif scope["method"] == "POST" and (leaf := "/" + scope["path"].rsplit("/", 1)[-1]) in _ABOUT:
            await self._note(leaf, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _note(self, leaf: str, scope: Any, receive: Any, send: Any) -> None:
        at, body = time.time(), b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        vendor, about = _ABOUT[leaf]
        text = unquote_plus(body.decode()).replace('\\"', '"')
        found = about.search(text)
        to = parse_qs(body.decode()).get("To", [""])[0]
        entry = {"at": at, "vendor": vendor, "about": found[1] if found else "", "to": to, "status": 0}
        self._asked.append(entry)
        parts = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Any:
            return parts.pop() if parts else await receive()

        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)

        await self._app(scope, again, noting)

    async def _show(self, scope: Any, send: Any) -> None:
        after = int(parse_qs(scope["query_string"].decode()).get("after", ["0"])[0])
        body = json.dumps(self._asked[after:]).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def main(port: int, api_url: str) -> None:
    settings = Settings(
        twilio_sms_inbound_url=f"{api_url}/callbacks/twilio/sms/inbound",
        slack_actions_url=f"{api_url}/callbacks/slack/actions",
        calls_per_second=None,
        max_calls=None,
        slack_per_second=None,
        pagerduty_per_minute=None,
    )

    async def serve() -> None:
        app = Asked(build(World(SystemClock(), settings)))
        config = uvicorn.Config(app, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
        await uvicorn.Server(config).serve()

    asyncio.run(serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
