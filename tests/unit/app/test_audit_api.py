"""Who changed what: for admins, with no number in it."""

import re
from pathlib import Path

from app import keeping
from app.serve import read_roster
from config.settings import load_settings
from tests.app_fixture import NUMBERS, ROSTER, START, House

OWN = "a-secret-of-one-s-own"


def load(house: House, text: str, folder: Path) -> None:
    """`gridcall roster load`, with keys that are let in outside the demo."""
    path = folder / "roster.yaml"
    path.write_text(text.replace("secret: demo-", f"secret: {OWN}-"))
    keeping.load(load_settings(data_dir=house.service.settings.data_dir), read_roster(path), START)


async def test_what_a_file_changed_is_told_newest_first(house: House, tmp_path: Path) -> None:
    text = ROSTER.read_text()
    load(house, text.replace("name: Ana Reyes", "name: Ana R."), tmp_path)
    found = (await house.get("/v1/audit", "demo-admin")).json()
    assert found["next"] is None
    *_, renamed, loaded, first = found["audit"]
    assert (first["what"], first["text"]) == ("file", "load a file: 5 people, 2 rotations")
    assert (loaded["what"], loaded["roster_version"]) == ("file", 2)
    assert renamed["text"] == "change person ana: name Ana Reyes -> Ana R."
    assert (renamed["actor"], renamed["key_id"], renamed["roster_version"]) == ("roster file", None, 2)
    assert (renamed["before"]["name"], renamed["after"]["name"]) == ("Ana Reyes", "Ana R.")


async def test_a_key_that_changes_is_told_without_its_secret(house: House, tmp_path: Path) -> None:
    load(house, ROSTER.read_text(), tmp_path)
    found = (await house.get("/v1/audit?limit=100", "demo-admin")).json()["audit"]
    changed = next(entry for entry in found if entry["what"] == "keys/demo-admin")
    assert changed["text"].startswith("change key demo-admin: secret sha256 ")
    assert OWN not in str(found)


async def test_numbers_are_masked(house: House, tmp_path: Path) -> None:
    more = 'phone: "+13125550199"\n    other_phone: "+13125550188"\n    sms: "+13125550177"\n    webhook: https://a.example/s3cret'
    load(house, re.sub(r'phone: "?\+13125550101"?', more, ROSTER.read_text()), tmp_path)
    answer = await house.get("/v1/audit", "demo-admin")
    assert "phone **********01 -> **********99" in answer.text
    assert "other_phone nothing -> **********88" in answer.text
    assert not [n for n in (*NUMBERS, "+13125550199", "+13125550188", "+13125550177", "s3cret") if n in answer.text]


async def test_admins_read_it_and_nobody_else(house: House) -> None:
    answers = [await house.get("/v1/audit", key) for key in (None, "demo-upstream", "demo-operator", "demo-admin")]
    assert [a.status_code for a in answers] == [401, 403, 403, 200]


async def test_pages(house: House, tmp_path: Path) -> None:
    load(house, ROSTER.read_text(), tmp_path)
    seen, after = [], ""
    while True:
        page = (await house.get(f"/v1/audit?limit=2{after}", "demo-admin")).json()
        seen += [entry["n"] for entry in page["audit"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 7  # the first file, and the second with five other keys
    assert (await house.get("/v1/audit?after=x", "demo-admin")).status_code == 422
