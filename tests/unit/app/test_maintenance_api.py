"""Maintenance over HTTP: who may say it, what is refused, what is shown and kept."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.app_fixture import opened

PATH = "/v1/sources/miso/maintenance"


async def test_it_is_said_shown_replaced_and_ended(tmp_path: Path) -> None:
    async with opened(tmp_path, loops=False) as house:
        until = (house.clock.now() + timedelta(hours=2)).isoformat()
        first = await house.post(PATH, json={"until": until, "reason": " new firewall "})
        assert first.status_code == 201
        said = {"from": house.clock.now().isoformat(), "until": until, "reason": "new firewall"}
        assert first.json() == {"source": "miso", "author": "key demo-operator"} | said
        shown = (await house.get("/v1/sources/miso")).json()
        assert shown["maintenance"] == {"author": "key demo-operator"} | said
        assert shown["monitor"]["status"] == "paused"
        later = (house.clock.now() + timedelta(hours=3)).isoformat()
        assert (await house.post(PATH, json={"until": later, "reason": "takes longer"})).status_code == 201
        assert (await house.get("/v1/sources/miso")).json()["maintenance"]["until"] == later
        house.advance(60)
        ended = await house.client.delete(PATH, headers={"Authorization": "Bearer demo-operator"})
        assert ended.json() == {"source": "miso", "ended_at": house.clock.now().isoformat()}
        assert (await house.get("/v1/sources/miso")).json()["maintenance"] is None
        again = await house.client.delete(PATH, headers={"Authorization": "Bearer demo-operator"})
        assert again.status_code == 404
        entries = (await house.get("/v1/audit", "demo-admin")).json()["audit"]
        texts = [entry["text"] for entry in entries if entry["what"] == "maintenance/miso"]
        assert len(texts) == 3
        assert texts[0] == "end of the maintenance of source miso"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x"}, "until"),
        ({"until": "2026-07-14T02:00:00", "reason": "x"}, "until"),
        ({"until": "2020-01-01T00:00:00Z", "reason": "x"}, "until"),
        ({"until": "+7d1s", "reason": "x"}, "until"),
        ({"until": "+1h", "reason": " "}, "reason"),
        ({"until": "+1h", "reason": "x" * 201}, "reason"),
        ({"until": "+1h", "reason": "x", "for": "ever"}, "for"),
    ],
)
async def test_what_is_refused(tmp_path: Path, body: dict[str, str], field: str) -> None:
    async with opened(tmp_path, loops=False) as house:
        now = house.clock.now()
        after = {"+1h": timedelta(hours=1), "+7d1s": timedelta(days=7, seconds=1)}
        until = body.get("until", "")
        given = body | ({"until": (now + after[until]).isoformat()} if until in after else {})
        answer = await house.post(PATH, json=given)
        assert answer.status_code == 422
        assert any(field in error["field"] for error in answer.json()["errors"])


async def test_an_unknown_source_and_an_upstream(tmp_path: Path) -> None:
    async with opened(tmp_path, loops=False) as house:
        body = {"until": (house.clock.now() + timedelta(hours=1)).isoformat(), "reason": "x"}
        assert (await house.post("/v1/sources/nobody/maintenance", json=body)).status_code == 404
        assert (await house.post(PATH, "demo-upstream", json=body)).status_code == 403
