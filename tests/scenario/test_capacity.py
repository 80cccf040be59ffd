"""Ten minutes, five lines: everybody who fits is rung, a line is used again at once, who does not fit is named."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from model.plan import State
from tests.scenario.conftest import OpenWorld, over_both
from tests.scenario.crowd import calls, expect_everything, names, roster
from tests.scenario.world import World


async def nobody_accepts(world: World, people: int, seconds: float = 115) -> None:
    """Each picks up late, has it repeated until a call of so many seconds is over, and answers nothing."""
    talk = {"after_seconds": 24, "press_after_seconds": 56, "talk_seconds": seconds - 24}
    for name in names(people):
        await world.phone(name).behaves(answer="human", press=["3"] * 4, **talk)


def at(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02}"


def rounds(count: int, seconds: int, lines: int = 5) -> Iterator[str]:
    """When each of so many phones begins to ring: a line is used again on the second at which it is free."""
    yield from (at(seconds * (n // lines) + n % lines) for n in range(count))


@pytest.mark.long
async def test_25_people_on_five_lines(opens: OpenWorld) -> None:
    """115 s a call: 25 are rung, the last call is over at 9:39; the 26th is named and told otherwise at once."""
    async with opens(roster=roster(26), twilio_lines=5) as world:
        await nobody_accepts(world, 26)
        answer = (await world.post("edr", prefer="wait=2")).json()
        assert answer["at_risk"] is True
        assert answer["detail"] == (
            "accepted; 25 of 26 people can be called by 18:09:39 UTC; no line in time for P25: "
            "5 lines, 1 call a second, up to 115 s each, and a call must begin by 18:08:00 UTC"
        )
        await world.advance_until("0:01")
        world.phone("p025").expects_direct_message("12.5 MW", at="0:00")
        assert [post.text for post in world.slack("C0ADMIN")] == [f"Gridcall: {answer['detail'][10:]}"]

        await world.advance_until("9:45")
        rung = calls(world, 26)
        assert [call.at for call in rung] == list(rounds(25, 115))
        assert [call.ended_at for call in rung] == [at(115 * (n // 5) + n % 5 + 115) for n in range(25)]
        assert world.phone("p025").calls == []
        assert (await world.event()).row("p025").state is State.EXPIRED

        await world.advance_until("10:01")
        assert (await world.event()).outcomes() == ["missed"]
        assert all(world.phone(name).texts for name in names(26))
        expect_everything(world, 26)


async def test_25_people_of_whom_five_do_not_fit(opens: OpenWorld) -> None:
    """120 s a call: the plan says 20, and names five."""
    number = "+13125550191"  # with it the words fill the time
    async with opens(roster=roster(25, call_seconds=95), twilio_lines=5, help_callback_number=number) as world:
        await nobody_accepts(world, 25, 120)
        answer = (await world.post("edr", prefer="wait=2")).json()
        assert "20 of 25 people can be called by 18:08:04 UTC" in answer["detail"]
        assert "no line in time for P20, P21, P22, P23, P24: 5 lines" in answer["detail"]
        await world.advance_until("10:01")
        assert [call.at for call in calls(world, 25)] == list(rounds(20, 120))
        expect_everything(world, 25)


@pytest.mark.long
async def test_a_line_that_is_free_early_goes_to_those_who_did_not_fit(opens: OpenWorld) -> None:
    """Phones that nobody picks up ring for 25 s only: all 26 are rung by 2:09, whatever the plan had to assume."""
    async with opens(roster=roster(26), twilio_lines=5) as world:
        await world.scene("nobody answers")
        answer = (await world.post("edr", prefer="wait=2")).json()
        assert answer["at_risk"] is True
        await world.advance_until("10:01")
        assert [call.at for call in calls(world, 26)] == list(rounds(26, 25))
        expect_everything(world, 26)


async def test_a_critical_event_takes_the_lines_of_a_warning(opens: OpenWorld) -> None:
    """All eight of the warning could have been called; when four of a critical event must be, two are left out."""
    both = roster(12).replace(
        "routes: [",
        f"""  warnings: {{redials: 0, steps: [{{after_seconds: 0, people: [{", ".join(names(12)[:8])}]}}]}}
  critical: {{redials: 0, steps: [{{after_seconds: 0, people: [{", ".join(names(12)[8:])}]}}]}}
routes:
  - {{id: warnings, team: ops, policy: warnings, match: {{severities: [warning]}}}}
  - {{id: critical, team: ops, policy: critical, match: {{severities: [critical]}}}}
  - """,
    )
    both = both.replace("policy: all}]", "policy: all}")
    async with opens(roster=both, twilio_lines=2) as world:
        await nobody_accepts(world, 12)
        warning = (await world.post("edr", "E-1", severity="warning", prefer="wait=2")).json()
        assert (warning["at_risk"], world.slack("C0ADMIN")) == (False, [])
        [planned] = [e.body for e in (await world.event("E-1")).timeline if e.kind == "planned"]
        promised = [call["start"][14:19] for call in planned["reach"]["calls"]]
        assert promised == ["00:00", "00:01", "01:55", "01:56", "03:50", "03:51", "05:45", "05:46"]

        await world.advance_until("0:30")
        critical = (await world.post("edr", "E-2", prefer="wait=2")).json()
        assert critical["at_risk"] is False
        await world.advance_until("0:32")
        [note] = [post.text for post in world.slack("C0ADMIN")]
        assert "of those who still wait 4 of 6 people can be called by 18:09:36 UTC" in note
        assert "no line in time for P6, P7: 2 lines" in note
        assert "2 of them in use, calls of other events that wait too: 4" in note
        for name in ("p006", "p007"):
            world.phone(name).expects_direct_message("12.5 MW")

        await world.advance_until("10:31")
        assert [call.at for call in calls(world, 12)] == [
            *("0:00", "0:01", "5:45", "5:46", "7:40", "7:41"),
            *("1:55", "1:56", "3:50", "3:51"),
        ]
        expect_everything(world, 12)


@over_both
async def test_who_is_in_a_call_takes_nobody_elses_second(opens: OpenWorld) -> None:
    """While ten phones ring about one event, the other ten ring about the next one from its first second on."""
    async with opens(roster=roster(20), twilio_lines=40) as world:
        await world.scene("nobody answers")
        await world.post("edr", "E-1", severity="warning")
        await world.advance_until("0:09.5")
        await world.post("edr", "E-2")
        await world.advance_until("0:20")
        assert [call.at for call in calls(world, 20)] == [at(second) for second in range(20)]
        expect_everything(world, 20)


async def test_600_people_and_200_lines(opens: OpenWorld) -> None:
    """One call a second: 481 can begin from 0:00 to 8:00; when the last text leaves. The simulation plays it."""
    async with opens(roster=roster(600), twilio_lines=200) as world:
        plan = (await world.post_raw(json.dumps(world.example("edr")), path="/v1/plans")).json()
        assert (len(plan["no_line"]), plan["calls_over_at"][11:19]) == (119, "18:09:55")
        [said] = plan["remarks"]
        assert "481 of 600 people can be called by 18:09:55 UTC; no line in time for P481, P482" in said
        assert "and 99 more: 200 lines, 1 call a second" in said
        written = [n["person"] for n in plan["notifications"] if n["channel"] == "slack_dm"]
        assert written == names(600)[481:]
        parts = sum(len(n["words"]) for n in plan["notifications"] if n["channel"] == "sms")
        assert plan["texts"]["parts"] == parts
        assert datetime.fromisoformat(plan["texts"]["out_at"]) == world.start + timedelta(seconds=parts - 1)


async def test_a_plan_reckons_with_the_calls_before_it(opens: OpenWorld) -> None:
    """Each of 21 calls lasts 42 s: a minute later the next plan goes by that, and says so."""
    learns = roster(60).replace("redials: 0,", "redials: 0, learn_call_seconds: true,")
    async with opens(roster=learns, twilio_lines=30) as world:
        before = await planned(world)
        assert before["call_length"] == {"ring_seconds": 25, "call_seconds": 90, "calls": 0}
        for name in names(60):
            await world.phone(name).behaves(answer="human", after_seconds=2, talk_seconds=42)
        for name in names(60)[21:]:
            await world.phone(name).behaves(answer="busy")
        await world.post("edr")
        await world.advance(minutes=12)
        after = await planned(world)
        assert after["call_length"] == {"ring_seconds": 25, "call_seconds": 42, "calls": 21}
        first = after["calls"][0]
        assert (datetime.fromisoformat(first["end"]) - datetime.fromisoformat(first["start"])).seconds == 67
        assert "# rings and talks as long as 21 past calls teach" in after["gantt"][0]
        figures = (await world.http.get("/metrics")).text
        for said in (
            'by="policy",policy="all"} 90.0',
            'by="learned",policy="all"} 42.0',
            'by="plans",policy="all"} 42.0',
        ):
            assert f"gridcall_call_seconds{{{said}" in figures
        assert 'gridcall_calls_learned_from{policy="all"} 21.0' in figures
        expect_everything(world, 60)


async def planned(world: World) -> dict[str, Any]:
    found: dict[str, Any] = (await world.post_raw(json.dumps(world.example("edr")), path="/v1/plans")).json()
    return found
