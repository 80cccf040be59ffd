"""The report as it is asked for: windows, sources, pages of the store."""

import pytest

from app.api import reports
from intake.examples import example
from tests.app_fixture import House

URL = "/v1/reports/sla"


@pytest.mark.parametrize(
    "query",
    [
        "?from=2026-11-04T00:00:00Z&to=2026-11-03T00:00:00Z",
        "?from=2026-11-03T00:00:00Z&to=2026-11-03T00:00:00Z",
        "?from=2025-01-01T00:00:00Z&to=2026-11-03T00:00:00Z",
        "?from=yesterday",
    ],
)
async def test_a_window_that_is_none_is_refused(house: House, query: str) -> None:
    assert (await house.get(URL + query)).status_code == 422


async def test_an_upstream_sees_its_own_source(house: House) -> None:
    assert (await house.get(f"{URL}?source=miso-fast", "demo-upstream")).status_code == 403
    assert (await house.get(f"{URL}?source=miso", "demo-upstream")).status_code == 200
    assert (await house.get(URL, None)).status_code == 401


async def test_more_than_a_page_of_the_store_is_counted_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "BATCH", 2)
    for n in range(5):
        await house.send(f"edr-{n}")
    house.advance(1)
    found = (await house.get(f"{URL}?events=true")).json()
    assert [e["event_id"] for e in found["events"]] == [f"edr-{n}" for n in range(5)]
    assert found["actual"]["outcomes"] == {"open": 5}
    assert (found["actual"]["kept"], found["drill"]["events"]) == (None, 0)


async def test_too_many_events_are_refused_with_what_to_do(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MOST_EVENTS", 1)
    for n in range(2):
        await house.send(f"edr-{n}")
    house.advance(1)
    answer = await house.get(URL)
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "at most 1 in one report: ask for a shorter time",
    )


async def test_a_test_rings_nobody_and_is_no_deadline(house: House) -> None:
    await house.send("a-test", body=example("edr", house.clock.now(), "a-test") | {"mode": "test"})
    house.advance(1)
    assert (await house.get(URL)).json()["actual"]["events"] == 0


async def test_what_gridcall_says_itself_is_counted_by_itself(house: House) -> None:
    await house.send("edr-1")
    await house.send("", body={"event_id": "nobody can read it"})
    house.advance(1)
    found = (await house.get(f"{URL}?events=true")).json()
    assert sorted(e["source"] for e in found["events"]) == ["gridcall", "miso"]
    assert [found[group]["events"] for group in ("actual", "drill", "own")] == [1, 0, 1]
