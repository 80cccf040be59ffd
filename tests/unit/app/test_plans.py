"""A preview says who would be told what and when, and leaves no trace."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from intake.examples import example
from store import lines
from store.database import Connection
from tests.app_fixture import NUMBERS, ROUTING_KEY, House, opened


async def test_a_preview_tells_the_timetable_in_the_words_that_would_be_used(house: House) -> None:
    event = example("edr", house.clock.now(), "edr-1")
    answer = await house.post("/v1/plans", "demo-upstream", json=event)
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert plan["rings"] is True
    assert plan["at_risk"] is False
    assert plan["deadline_at"].startswith("2026-11-03T15:10:00")
    rows = {(r["person"], r["channel"]): r for r in plan["notifications"]}
    [text] = rows["ana", "sms"]["words"][:1]
    assert "12.5 MW" in text["text"]
    assert "1A" in " ".join(w["text"] for w in rows["ana", "sms"]["words"])
    assert rows["ana", "voice"]["forecast"] is False
    assert rows["chie", "voice"]["forecast"] is True
    assert rows["chie", "voice"]["due_at"].startswith("2026-11-03T15:02:30")
    groups = {(g["timezone"], g["rotation"]): g for g in plan["groups"]}
    assert groups["Asia/Tokyo", "ops-primary"]["awake"] is False
    assert groups["Europe/London", "ops-primary"]["people"] == ["ben"]
    assert groups["America/Chicago", "ops-backup"]["step"] == 2
    assert not [number for number in NUMBERS if number in answer.text]
    assert ROUTING_KEY not in answer.text


async def test_a_preview_says_what_the_router_then_does(house: House) -> None:
    event = example("edr", house.clock.now(), "edr-1")
    plan = (await house.post("/v1/plans", "demo-upstream", json=event)).json()
    await house.send("edr-1", body=event)
    real = (await house.get("/v1/events/miso/edr-1")).json()
    # The wish to look again that failing channels leave behind is not part of the plan.
    planned = {(n["person"], n["channel"], n["due_at"]) for n in plan["notifications"] if not n["forecast"]}
    done = {(n["person"], n["channel"], n["due_at"]) for n in real["plan"]["notifications"]}
    assert planned <= done
    assert plan["deadline_at"] == real["deadline_at"]


async def test_a_preview_writes_nothing(house: House) -> None:
    before = await house.rows()
    for kind in ("edr", "update", "cancel", "drill", "bad"):
        await house.post("/v1/plans", "demo-upstream", json=example(kind, house.clock.now(), f"x-{kind}"))
    assert await house.rows() == before
    assert house.service.broker.depth() == 0
    assert house.service.notebook.last_seen == {}


@pytest.mark.parametrize("help_number", [None, "+13125550191"])
async def test_only_a_number_where_somebody_answers_is_told(tmp_path: Path, help_number: str | None) -> None:
    """Gridcall takes no calls at the number that it calls from."""
    account = {"twilio_account_sid": "AC" + "0" * 32, "twilio_auth_token": "t" * 32, "twilio_from": "+13125550190"}
    async with opened(tmp_path, loops=False, **account, help_callback_number=help_number) as house:
        event = example("edr", house.clock.now(), "edr-1")
        answer = await house.post("/v1/plans", "demo-upstream", json=event)
        assert "3125550190" not in answer.text
        assert ("Call +13125550191." in answer.text) is (help_number is not None)


async def test_an_upstream_previews_for_itself_and_others_say_for_whom(house: House) -> None:
    event = example("edr", house.clock.now(), "edr-1")
    assert (await house.post("/v1/plans?source=miso-fast", "demo-upstream", json=event)).status_code == 403
    assert (await house.post("/v1/plans", "demo-operator", json=event)).status_code == 422
    assert (await house.post("/v1/plans?source=nobody", "demo-operator", json=event)).status_code == 404
    fast = await house.post("/v1/plans?source=miso-fast", "demo-operator", json=event)
    assert fast.json()["policy"] == "fast"
    assert (await house.post("/v1/plans", None, json=event)).status_code == 401


async def test_what_cannot_be_planned_is_answered_with_the_problems(house: House) -> None:
    bad = await house.post("/v1/plans", "demo-upstream", json=example("bad", house.clock.now(), "x"))
    assert bad.status_code == 422
    assert bad.json()["errors"]
    event = example("edr", house.clock.now(), "edr-1")
    assert (await house.post("/v1/plans", "demo-upstream", json=[event, event])).status_code == 422
    large = await house.post("/v1/plans", "demo-upstream", content=b"x" * 1_100_000)
    assert large.status_code == 413


async def test_an_end_of_an_event_calls_nobody(house: House) -> None:
    event = example("cancel", house.clock.now(), "edr-1")
    plan = (await house.post("/v1/plans", "demo-upstream", json=event)).json()
    assert plan["rings"] is False
    assert plan["deadline_at"] is None
    assert plan["notifications"] == []
    assert "calls nobody" in plan["remarks"][0]


async def test_a_preview_knows_the_event_that_would_ring_for_it(house: House) -> None:
    entry = (await house.get("/v1/sources/miso", "demo-admin")).json()["entry"]
    alike = entry | {"group_by": ["program", "zone"], "group_window_seconds": 120}
    changed = await house.put("/v1/sources/miso", "demo-admin", headers={"If-Match": "*"}, json=alike)
    assert changed.status_code == 200, changed.text
    event = example("edr", house.clock.now(), "edr-1")

    async def planned(**changes: object) -> dict[str, Any]:
        return dict((await house.post("/v1/plans", "demo-upstream", json=event | changes)).json())

    assert ((await planned())["rings"], (await planned())["goes_with"]) == (True, None)
    await house.send("edr-1", body=event)
    assert (await planned())["goes_with"] is None, "an event does not go with itself"
    other = await planned(event_id="edr-2")
    assert (other["rings"], other["goes_with"]) == (False, "edr-1")
    assert other["remarks"][0].startswith("it would go with edr-1 now, which rings for it")
    more = await planned(event_id="edr-2", instruction=event["instruction"] | {"target_mw": 99.0})
    assert (more["rings"], more["goes_with"]) == (True, None)
    sent = await house.send("edr-2", body=event | {"event_id": "edr-2"})
    assert (sent["rings"], "goes with edr-1, which rings for it" in sent["detail"]) == (False, True)


async def test_a_preview_reckons_with_the_lines_in_use(house: House) -> None:
    """Who can be called when, and who cannot, by the lines as they are now."""
    event = example("edr", house.clock.now(), "edr-1")
    free = (await house.post("/v1/plans", "demo-upstream", json=event)).json()
    starts = {call["person"]: call["start"][11:19] for call in free["calls"]}
    assert starts == {"ana": "15:00:00", "ben": "15:00:01", "chie": "15:02:30", "dee": "15:05:00"}
    assert (free["at_risk"], free["no_line"], free["calls_over_at"][11:19]) == (False, [], "15:06:55")
    assert free["texts"]["parts"] == sum(
        len(n["words"]) for n in free["notifications"] if n["channel"] == "sms" and not n["forecast"]
    )

    await house.service.database.transact(lambda conn: [_take_a_line(conn, house, n) for n in range(5)])
    busy = (await house.post("/v1/plans", "demo-upstream", json=event)).json()
    assert busy["calls"][0] == {
        "person": "ana",
        "step": 1,
        "start": "2026-11-03T15:07:00+00:00",
        "end": "2026-11-03T15:08:55+00:00",
    }


def _take_a_line(conn: Connection, house: House, n: int) -> None:
    free_at = house.clock.now() + timedelta(minutes=7)
    lines.take(conn, f"+1312555{n:04}", house.service.ids.new(), house.clock.now(), free_at + lines.SLACK)
