"""No source keeps the others waiting: what it sends too fast is answered 503; a critical one is never held up."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inward import Inward
from app.metrics import BySource
from app.problems import Problem
from model.roster import Source
from model.trust import NO_RATE, USUAL_RATE, Rate
from tests.app_fixture import ROSTER, START, House, opened

SOURCES = """
  slow: {name: Slow, heartbeat: none, rate: {per_second: 2, burst: 5}}
  free: {name: Free, heartbeat: none, rate: none}
"""
KEYS = """
  demo-slow: {role: upstream, source: slow, secret: demo-slow}
  demo-free: {role: upstream, source: free, secret: demo-free}
"""
numbers = iter(range(1_000_000))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    text = ROSTER.read_text().replace("\nsources:\n", f"\nsources:{SOURCES}").replace("\nkeys:\n", f"\nkeys:{KEYS}")
    async with opened(tmp_path, roster_text=text, loops=False) as found:
        yield found


def event() -> dict[str, str]:
    return {"event_id": f"E-{next(numbers)}", "headline": "h", "mode": "test"}


async def sent(house: House, key: str, count: int = 1) -> httpx2.Response:
    return await house.post("/v1/events", key, json=event() if count == 1 else [event() for _ in range(count)])


async def test_a_burst_is_taken_and_what_is_more_waits(house: House) -> None:
    for _ in range(5):
        assert (await sent(house, "demo-slow")).status_code == 202
    refused = await sent(house, "demo-slow")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "source slow, sending with key demo-slow, may send 2 a second after a burst of 5" in refused.json()["detail"]
    assert house.service.broker.depth() == 5
    house.advance(0.5)
    assert (await sent(house, "demo-slow")).status_code == 202
    assert (await sent(house, "demo-slow")).status_code == 503
    house.advance(60)
    assert [(await sent(house, "demo-slow")).status_code for _ in range(6)] == [202] * 5 + [503]
    assert 'gridcall_sources_slowed_total{source="slow"} 3.0' in (await house.get("/metrics", None)).text


async def test_a_list_counts_its_members(house: House) -> None:
    """It is taken whole, and its source waits the longer."""
    assert (await sent(house, "demo-slow", 25)).status_code == 202
    assert (await sent(house, "demo-slow")).headers["retry-after"] == "11"
    house.advance(10.5)
    assert (await sent(house, "demo-slow")).status_code == 202


@pytest.mark.parametrize("key", ["demo-free", "demo-upstream"])  # of a source without a rate, and of a critical one
async def test_others_are_not_held_up(house: House, key: str) -> None:
    for _ in range(6):
        assert (await sent(house, "demo-slow")).status_code in (202, 503)
    for _ in range(USUAL_RATE.burst + 5):
        assert (await sent(house, key)).status_code == 202


async def test_a_heartbeat_is_always_heard(house: House) -> None:
    assert (await sent(house, "demo-slow", 100)).status_code == 202
    assert (await house.post("/v1/sources/slow/heartbeat", "demo-slow")).status_code == 200


def test_the_rates_of_sources() -> None:
    assert Source(id="a", name="A").limit == USUAL_RATE == Rate(per_second=50, burst=200)
    assert Source(id="a", name="A", critical=True).limit is None
    assert Source(id="a", name="A", rate=NO_RATE).limit is None
    assert Source(id="a", name="A", critical=True, rate=USUAL_RATE).limit == USUAL_RATE


@given(
    rate=st.builds(Rate, per_second=st.integers(1, 20), burst=st.integers(1, 20)),
    pauses=st.lists(st.integers(0, 2_000), max_size=60),
)
def test_never_more_than_the_burst_and_what_has_leaked(rate: Rate, pauses: list[int]) -> None:
    """Of any time, and whoever does as Retry-After says is let in."""
    inward, source = Inward(BySource("x", "x")), Source(id="s", name="S", rate=rate)
    now, taken = START, []
    for milliseconds in pauses:
        now += timedelta(milliseconds=milliseconds)
        try:
            inward.take(source, None, now)
        except Problem as held:
            later = now + timedelta(seconds=int(held.headers["Retry-After"]))
            inward.take(source, None, later)
            now = later
        taken.append(now)
    for n, first in enumerate(taken):
        for count, last in enumerate(taken[n:], start=1):
            assert count <= rate.burst + (last - first).total_seconds() * rate.per_second + 1e-3
