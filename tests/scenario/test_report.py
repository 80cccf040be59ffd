"""What the report of a night says of it: one deadline kept, one missed, one drill, one that came too late."""

from datetime import timedelta
from typing import Any

from tests.scenario.conftest import OpenWorld, over_both
from tests.scenario.world import World

KEYS = {"operator": "demo-operator", "upstream": "demo-upstream"}


async def report(world: World, key: str = "operator", **query: str) -> dict[str, Any]:
    answer = await world.http.get("/v1/reports/sla", params=query, headers={"authorization": f"Bearer {KEYS[key]}"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@over_both
async def test_a_night(opens: OpenWorld) -> None:
    async with opens() as world:
        await world.post("edr", "met")
        await world.advance(minutes=1)
        await world.scene("nobody answers")
        await world.post("edr", "missed")
        await world.post("drill", "a-drill")
        await world.post("edr", "late", ack_due_at=(world.clock.now() - timedelta(minutes=1)).isoformat())
        await world.advance(minutes=12)
        for phone in map(world.phone, ("ana", "ben", "chie", "dee", "eli")):
            for rung in (*phone.calls, *phone.texts):  # other stories say what comes when
                rung.expected = True

        found = await report(world, events="true")
        actual, drill = found["actual"], found["drill"]
        assert (actual["events"], drill["events"]) == (3, 1)
        assert actual["outcomes"] == {"met": 1, "missed": 2}
        assert (actual["kept"], drill["kept"]) == (1 / 3, 0)
        assert actual["late_by"] == {"person": 1, "source": 1}
        assert actual["seconds"]["to_first_ring"]["shortest"] < 1
        assert actual["seconds"]["to_first_acceptance"]["count"] == 1

        met = next(e for e in found["events"] if e["event_id"] == "met")
        assert met["received_at"] == met["planned_at"] == world.start.isoformat()
        ana = next(p for p in met["people"] if p["person"] == "ana")
        assert ana["due_at"] <= ana["first_send_at"] <= ana["ringing_at"] <= ana["answered_at"] <= ana["replied_at"]
        assert ana["reply"] == "acknowledge"
        assert met["first_acceptance_at"] == ana["replied_at"]

        tests_are_left_out = {e["event_id"] for e in found["events"]}
        assert tests_are_left_out == {"met", "missed", "a-drill", "late"}
        later = await report(world, **{"from": (world.start + timedelta(seconds=30)).isoformat()})
        assert (later["actual"]["events"], later["events"]) == (2, None)
        assert (await report(world, source="miso-fast"))["actual"]["events"] == 0
        assert (await report(world, "upstream"))["actual"]["events"] == 3


async def test_what_a_person_had_to_bear(world: World) -> None:
    """Chie sleeps at noon in Chicago: she is called at 2:30, at half past three of her night."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance(minutes=3)
    borne = {}
    for name in ("ana", "chie"):
        world.phone(name).expects_call()
        world.phone(name).expects_text()
        answer = await world.http.get(
            f"/v1/people/{name}/load", headers={"authorization": f"Bearer {KEYS['operator']}"}
        )
        borne[name] = answer.json()
    world.phone("ben").expects_call()
    world.phone("ben").expects_text()
    assert borne["ana"]["calls"] == borne["chie"]["calls"] == {"10min": 1, "1h": 1, "24h": 1, "month": 1}
    assert (borne["ana"]["nights_woken"], borne["chie"]["nights_woken"]) == ([], ["2026-01-12"])
    assert borne["ana"]["may_be_rung_at"] == world.clock.now().isoformat()
