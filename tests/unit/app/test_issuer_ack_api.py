"""That the issuer was told is noted for good, and shown wherever the verdict is."""

from pathlib import Path
from urllib.parse import quote

from tests.app_fixture import ROSTER, START, House, opened

DEMANDS = ROSTER.read_text().replace("    also_confirm: MCS\n", "    also_confirm: MCS\n    issuer_ack: true\n", 1)
TOLD = {"person": "ana", "at": "2026-11-03T10:00:00-05:00", "how": "mcs", "evidence": "MCS 4711"}


def url(event_id: str = "edr-1") -> str:
    return f"/v1/events/miso/{quote(event_id, safe='')}/issuer-ack"


async def test_it_is_noted_once_and_shown_as_the_second_line(tmp_path: Path) -> None:
    assert "issuer_ack: true" in DEMANDS
    async with opened(tmp_path, roster_text=DEMANDS) as house:
        await house.send("edr-1")
        before = (await house.get("/v1/events/miso/edr-1")).json()
        assert before["verdict_lines"]["issuer"]["outcome"] == "open"
        first = await house.post(url(), json=TOLD)
        assert first.status_code == 200, first.text
        assert first.json()["detail"] == "noted"
        again = (await house.post(url(), json=TOLD)).json()
        assert (again["detail"], again["issuer_ack_id"]) == ("it was noted before", first.json()["issuer_ack_id"])
        event = (await house.get("/v1/events/miso/edr-1")).json()
        [shown] = event["acknowledgements"]["issuer"]
        assert {name: shown[name] for name in ("person", "how", "evidence", "revision", "by")} == {
            "person": "ana",
            "how": "mcs",
            "evidence": "MCS 4711",
            "revision": 1,
            "by": "demo-operator",
        }
        assert event["verdict_lines"]["issuer"] == {
            "outcome": "met",
            "reason": "told by ana (mcs) at 15:00:00 UTC",
            "at": START.isoformat(),
        }
        assert [e["body"]["evidence"] for e in event["timeline"] if e["kind"] == "issuer_ack"] == ["MCS 4711"]
        house.advance(1)
        report = (await house.get("/v1/reports/sla?events=true")).json()
        assert report["actual"]["issuer"] == {"met": 1}
        assert report["events"][0]["issuer"]["outcome"] == "met"


async def test_what_cannot_be_is_refused(house: House) -> None:
    await house.send("edr-1")
    for wrong, status in (
        ({"person": "nobody"}, 422),
        ({"at": "2026-11-03T15:05:00Z"}, 422),
        ({"at": "2026-11-03T15:00:00"}, 422),
        ({"how": "pigeon"}, 422),
        ({"evidence": "x" * 1001}, 422),
        ({"more": 1}, 422),
        ({"revision": 2}, 409),
    ):
        assert (await house.post(url(), json=TOLD | wrong)).status_code == status, wrong
    assert (await house.post(url("nothing"), json=TOLD)).status_code == 404
    assert (await house.post(url(), "demo-upstream", json=TOLD)).status_code == 403
    assert (await house.get("/v1/events/miso/edr-1")).json()["acknowledgements"]["issuer"] == []


async def test_any_id_can_be_named(house: House) -> None:
    for event_id in ("a/b#1?reply", "x", "x" * 200, "e/reply", "e/issuer-ack"):
        await house.send(event_id)
        assert (await house.post(url(event_id), json=TOLD)).json()["detail"] == "noted"
        event = f"/v1/events/miso/{quote(event_id, safe='')}"
        answered = await house.post(f"{event}/reply", json={"person": "ana", "reply": "acknowledge"})
        assert answered.json()["counted"] is True
        found = (await house.get(event)).json()
        assert (found["event_id"], len(found["acknowledgements"]["issuer"])) == (event_id, 1)
