"""`gridcall watch`: look at a Gridcall from outside, and tell its duty list when it is not well.

It shares nothing with what it watches: another process, better another host, its own settings and caller id.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import aiohttp

from app.duty_alarm import Told, alarm_level, told
from app.serve import stop_signal
from app.watching import Place, watch
from config.settings import Settings
from heartbeat.vital_signs import Condition
from model.clock import SystemClock
from model.errors import SettingsError

ANSWER_SECONDS = 5.0
MAX_BYTES = 65_536
MAX_REASONS = 5
REASON_CHARS = 200


async def watch_from_outside(settings: Settings, url: str, ready: Callable[[Told, timedelta], None]) -> None:
    """Until SIGINT or SIGTERM. Raises SettingsError when nobody could be told, or another one watches on this host."""
    if not settings.watch_duty and not settings.watch_pagerduty_key:
        raise SettingsError("nobody would be woken: set GRIDCALL_WATCH_DUTY or GRIDCALL_WATCH_PAGERDUTY_KEY")
    url, place, stop = url.rstrip("/"), Place("outside", url), stop_signal()
    if not place.taken():
        raise SettingsError(f"another gridcall watch runs on this host for {url}")
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
    async with session, watch(settings, url, lambda: _look(session, url), SystemClock()) as watching:
        running = asyncio.create_task(watching.run(place))
        running.add_done_callback(lambda _: stop.set())
        ready(told(settings, url), alarm_level(settings).rules.after)
        await stop.wait()
        running.cancel()
        ended = await asyncio.gather(running, return_exceptions=True)
    if isinstance(ended[0], Exception):
        raise ended[0]


async def _look(session: aiohttp.ClientSession, url: str) -> Sequence[Condition]:
    """No redirects, short waits."""
    try:
        async with session.get(f"{url}/statusz", allow_redirects=False) as answer:
            body = await _bounded(answer)
    except TimeoutError:
        return (Condition(f"it does not answer within {ANSWER_SECONDS:g} s", calls=True),)
    except (aiohttp.ClientError, OSError) as error:
        return (Condition(f"it cannot be reached ({type(error).__name__})", calls=True),)
    return judge(answer.status, body)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """All of it, which may come in pieces; of too long a one its beginning."""
    body = b""
    while len(body) < MAX_BYTES and (piece := await answer.content.read(MAX_BYTES - len(body))):
        body += piece
    return body


def judge(status: int, body: bytes) -> Sequence[Condition]:
    """What an answer of /statusz says: what is wrong; nothing when all is well."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    said = found if isinstance(found, dict) else {}
    warnings = [Condition(text, calls=False) for text in _named(said.get("warnings"))]
    if status == 200 and said.get("status") == "well":
        return warnings
    reasons = _named(said.get("reasons")) or [f"it answers {status}"]
    return [*(Condition(text, calls=True) for text in reasons), *warnings]


def _named(texts: Any) -> list[str]:
    return [str(text)[:REASON_CHARS] for text in texts[:MAX_REASONS]] if isinstance(texts, list) else []
