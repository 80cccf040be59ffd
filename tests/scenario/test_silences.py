"""What somebody said is noise is kept and told to nobody; what is critical is told all the same."""

from datetime import timedelta
from typing import Any

import pytest

from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World

OPERATOR = {"Authorization": "Bearer demo-operator"}


async def silence(world: World, minutes: float, **match: Any) -> str:
    until = (world.clock.now() + timedelta(minutes=minutes)).isoformat()
    body = {"match": match or {"sources": ["miso"]}, "until": until, "reason": "tests of the new feed"}
    answer = await world.http.post("/v1/silences", json=body, headers=OPERATOR)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def lines(world: World) -> list[str]:
    return [post.text for post in world.slack()]


def heard(world: World) -> list[str]:
    """What came to Ana's and Ben's phones since the last time: calls, and texts in one piece."""
    found = []
    for name in ("ana", "ben"):
        phone = world.phone(name)
        new = [item for item in (*phone.calls, *phone.texts) if not item.expected]
        for item in new:
            item.expected = True
        found += [f"{name} is called" for item in new if item in phone.calls]
        found += [item.text for item in new if item in phone.texts]
    return found


async def test_what_is_held_is_kept_with_the_reason_and_what_becomes_critical_rings(opens: OpenWorld) -> None:
    async with opens() as world:
        await silence(world, 60)
        await world.advance_until("0:11")
        assert lines(world) == ["Gridcall: Events are silenced, critical ones are not"]
        answer = await world.post("edr", severity="warning", prefer="wait=2")
        said = "held by the silence of key demo-operator until Jan 12 19:00 UTC: tests of the new feed"
        assert answer.json()["rings"] is False
        assert said in answer.json()["detail"]
        await world.advance_until("1:00")
        kept = await world.event()
        assert (kept.rows, kept.outcomes(), kept.verdict().reason) == ([], ["not_needed"], said)
        assert [e.body["author"] for e in kept.timeline if e.kind == "silenced"] == ["key demo-operator"]
        (shown,) = (await world.http.get("/v1/silences", headers=OPERATOR)).json()["silences"]
        assert shown["held"] == {"count": 1, "events": ["miso/E-1"]}

        await world.post("update", severity="critical", ack_due_at=None)
        await world.advance_until("1:30")
        assert "ana is called" in heard(world)
        assert (await world.event()).outcomes()[-1] == "met"
        await world.post("edr", "E-2")
        await world.advance_until("2:00")
        assert "ana is called" in heard(world), "a critical event from the start"


async def test_what_becomes_critical_long_after_it_was_held_rings_in_a_time_of_its_own(opens: OpenWorld) -> None:
    async with opens() as world:
        await silence(world, 120)
        begins, ends = ((world.clock.now() + timedelta(hours=hours)).isoformat() for hours in (2, 6))
        same = {"ack_due_at": None, "effective_at": begins, "ends_at": ends}
        await world.post("edr", severity="warning", **same)
        await world.advance_until("25:00")
        assert (await world.event()).outcomes() == ["not_needed"]
        await world.post("edr", revision=2, message_type="update", severity="critical", **same)
        await world.advance_until("26:00")
        assert "ana is called" in heard(world)
        assert (await world.event()).outcomes()[-1] == "met"


async def test_what_is_open_when_it_ends_is_told(opens: OpenWorld) -> None:
    async with opens() as world:
        made = await silence(world, 60)
        listed = (
            "Nothing is open.\nSilenced until Mon 19:00 GMT by key demo-operator: Events of miso. tests of the new feed"
        )
        until = (world.clock.now() + timedelta(minutes=30)).isoformat()
        body = {"until": until, "reason": "new firewall"}
        await world.http.post("/v1/sources/miso/maintenance", json=body, headers=OPERATOR)
        listed += "\nSource miso need not be heard until Mon 18:30 GMT by key demo-operator: new firewall"
        assert await world.types_in_slack("status", by="ben") == listed
        await world.post("edr", severity="warning")
        await world.advance_until("0:30")
        assert (await world.http.delete(f"/v1/silences/{made}", headers=OPERATOR)).status_code == 200
        assert (await world.http.delete(f"/v1/silences/{made}", headers=OPERATOR)).status_code == 404
        assert "Silenced" not in await world.types_in_slack("status", by="ben")
        await world.advance_until("1:10")
        assert "ana is called" in heard(world)
        assert any(line.endswith("A silence is over, it held 1 event") for line in lines(world))
        assert (await world.event()).outcomes() == ["not_needed", "reopened", "met"]


async def test_two_that_follow_each_other_hold_as_one(opens: OpenWorld) -> None:
    async with opens() as world:
        await silence(world, 0.5)
        await world.advance_until("0:20")
        await world.post("edr", severity="warning")
        await silence(world, 30)
        await world.advance_until("0:50")
        kept = await world.event()
        assert (kept.rows, kept.outcomes()) == ([], ["not_needed", "not_needed"])
        assert [e.kind for e in kept.timeline].count("silenced") == 2


@pytest.mark.long
async def test_what_was_told_goes_on_and_what_is_past_its_time_stays(opens: OpenWorld) -> None:
    async with opens() as world:
        await world.post("edr", "E-0", severity="warning")
        await world.advance_until("0:30")
        assert "ana is called" in heard(world)
        await silence(world, 2)
        soon = (world.clock.now() + timedelta(minutes=1)).isoformat()
        await world.post("edr", severity="warning", ack_due_at=soon)
        await world.post("cancel", "E-0")
        await world.advance_until("1:00")
        assert any("CANCELLED" in item for item in heard(world))
        await world.advance_until("2:50")
        assert (await world.event()).outcomes() == ["not_needed"], "its deadline was at 1:30"
        assert any(line.endswith("A silence is over, it held 1 event") for line in lines(world))
        assert heard(world) == []
