"""The contact of the numbers we call from."""

from pathlib import Path
from typing import Any

import pytest
from icalendar.parser import Contentlines

from tests.app_fixture import opened

TWILIO = {
    "twilio_account_sid": "AC" + "0" * 32,
    "twilio_auth_token": "t",
    "twilio_from": "+1 312 555 0199",
}
WATCH = {f"watch_{name}": value for name, value in TWILIO.items()}
URL = "/v1/people/ana/caller-card.vcf"


@pytest.mark.parametrize(
    ("more", "numbers"),
    [
        ({}, ["+13125550199"]),
        (WATCH, ["+13125550199"]),
        (WATCH | {"watch_twilio_from": "+13125550198"}, ["+13125550199", "+13125550198"]),
    ],
)
async def test_it_holds_each_number_once_for_phones_to_read(
    tmp_path: Path, more: dict[str, Any], numbers: list[str]
) -> None:
    async with opened(tmp_path, loops=False, **TWILIO | more) as house:
        answer = await house.get(URL)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/vcard; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="gridcall.vcf"'
    text = answer.content.decode()
    assert text.startswith("BEGIN:VCARD\r\nVERSION:3.0\r\n")
    assert text.endswith("END:VCARD\r\n")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    parts = [line.parts() for line in Contentlines.from_ical(text) if line]
    fields = [(name, value) for name, _, value in parts]
    assert [value for name, value in fields if name == "TEL"] == numbers
    assert {"FN", "N", "UID", "REV"} <= {name for name, _ in fields}
    assert all(list(parameters) == ["TYPE"] for name, parameters, _ in parts if name == "TEL")


async def test_nobody_else_and_nothing_else(tmp_path: Path) -> None:
    async with opened(tmp_path, loops=False) as house:
        assert (await house.get(URL)).status_code == 404  # no number is set up
        assert (await house.get("/v1/people/nobody/caller-card.vcf")).status_code == 404
        assert (await house.get(URL, "demo-upstream")).status_code == 403
        assert (await house.get(URL, None)).status_code == 401
