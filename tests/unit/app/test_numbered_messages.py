"""A source that numbers its messages: what is missing raises an event of our own, over when it comes in."""

from pathlib import Path

import pytest

from config.roster_file import load_roster
from intake.examples import example
from model.errors import SettingsError
from tests.app_fixture import ROSTER, House, opened

COUNTS = ROSTER.read_text().replace(
    "    also_confirm: MCS\n", "    also_confirm: MCS\n    numbered: {by: field, wait_seconds: 10}\n", 1
)


async def post(house: House, number: int) -> None:
    event = example("edr", house.clock.now(), f"E-{number}") | {"sequence": number}
    assert (await house.send(f"E-{number}", body=event))["http_status"] == 202


async def test_a_missing_message_is_an_event_until_it_comes(tmp_path: Path) -> None:
    async with opened(tmp_path, roster_text=COUNTS) as house:
        for number in (1, 2, 4):
            await post(house, number)
        house.advance(10)
        await house.service.hole_watch.tick()
        await house.until(lambda: not house.service.broker.depth())
        event = (await house.get("/v1/events/gridcall/missing%2Fmiso%2F3-3")).json()
        assert (event["headline"], event["status"], event["severity"]) == (
            "A message is missing from MISO: 3",
            "open",
            "critical",
        )
        assert [n for n in event["plan"]["notifications"] if n["channel"] == "voice"]
        await post(house, 3)
        await house.service.hole_watch.tick()
        await house.until(lambda: not house.service.broker.depth())
        event = (await house.get("/v1/events/gridcall/missing%2Fmiso%2F3-3")).json()
        assert event["status"] == "terminated"


@pytest.mark.parametrize(
    ("numbered", "why"),
    [
        ("{by: mapping}", 'needs an expression "sequence"'),
        ("{by: somewhere}", "field"),
        ("{wait_seconds: 3}", "by"),
        ("{by: field, wait_seconds: -1}", "wait_seconds"),
    ],
)
def test_what_cannot_be_counted_is_refused(numbered: str, why: str) -> None:
    text = COUNTS.replace("{by: field, wait_seconds: 10}", numbered)
    with pytest.raises(SettingsError, match=why):
        load_roster(text, "roster.yaml")


def test_a_format_without_a_place_for_a_number_is_refused() -> None:
    text = COUNTS.replace("    critical: true\n", "    critical: true\n    format: miso-mui\n", 1)
    with pytest.raises(SettingsError, match="have no field with a number"):
        load_roster(text, "roster.yaml")
