"""`gridcall serve` over PostgreSQL starts while that is away: events are accepted, and told when it is back."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from intake.examples import example
from model.clock import SystemClock
from tests import demo_process
from tests.demo_process import Demo
from tests.tcp_proxy import proxied

pytestmark = [pytest.mark.service("postgresql"), pytest.mark.timeout(120)]

KEY = {"Authorization": "Bearer demo-upstream"}


def post(demo: Demo, event_id: str) -> dict[str, Any]:
    event = example("edr", SystemClock().now(), event_id)
    answer = httpx2.post(f"{demo.api}/v1/events", json=event, headers=KEY, timeout=20)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def told(demo: Demo, event_id: str) -> bool:
    return any(event_id in json.dumps(message["raw"]) for message in demo.messages())


def state(demo: Demo, delivery: str) -> str:
    answer = httpx2.get(f"{demo.api}/v1/deliveries/{delivery}", headers=KEY, timeout=20)
    return str(answer.json()["state"])


async def test_it_starts_and_goes_on(postgres_url: str, tmp_path: Path) -> None:
    """The roster and the keys are those of the last time; without one there is nothing to start with."""
    async with proxied(postgres_url) as proxy:
        settings = {"GRIDCALL_DATABASE_URL": proxy.url}

        def once_before() -> None:
            with demo_process.running(tmp_path, **settings):
                pass

        def while_it_is_away(mend: Any) -> str:
            with demo_process.running(tmp_path, **settings) as demo:
                delivery = post(demo, "E-AWAY")["delivery_id"]
                assert state(demo, delivery) == "accepted"
                ready = httpx2.get(f"{demo.api}/readyz")
                assert (ready.status_code, ready.json()["remarks"][0]) == (200, "the database does not answer")
                mend()
                demo_process.until("it is told", 30, lambda: told(demo, "E-AWAY"))
                assert state(demo, delivery) == "planned"
                return (tmp_path / "log").read_text()

        loop = asyncio.get_running_loop()
        proxy.cut(refuse=True)
        with pytest.raises(AssertionError, match="no earlier start left its roster here"):
            await asyncio.to_thread(once_before)
        proxy.mend()
        await asyncio.to_thread(once_before)
        proxy.cut(refuse=True)
        log = await asyncio.to_thread(while_it_is_away, lambda: loop.call_soon_threadsafe(proxy.mend))
    assert "started with the roster of the last time" in log
