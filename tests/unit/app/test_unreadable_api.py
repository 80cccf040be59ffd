"""A message nobody could read is shown, repaired by a person and replayed; then it rings like any other."""

import json

from intake.examples import example
from tests.app_fixture import House


async def lost(house: House, content: bytes = b'{"event_id": "edr-1", "headline": }') -> str:
    headers = {"Prefer": "wait=5", "Content-Type": "application/json"}
    answer = await house.post("/v1/events", "demo-upstream", content=content, headers=headers)
    assert answer.status_code == 422
    unreadable_id = str(answer.json()["unreadable_id"])
    await house.until(lambda: house.service.broker.depth() == 0)
    return unreadable_id


async def test_it_is_kept_whole_and_shown(house: House) -> None:
    unreadable_id = await lost(house)
    [row] = (await house.get("/v1/unreadable?state=new")).json()["unreadables"]
    assert row["id"] == unreadable_id
    assert row["told_as"].startswith("unreadable/miso/")
    shown = (await house.get(f"/v1/unreadable/{unreadable_id}")).json()
    assert shown["body"] == {"text": '{"event_id": "edr-1", "headline": }'}
    assert "authorization" not in shown["headers"]
    assert shown["problems"]
    assert (shown["count"], shown["received_at"]) == (1, shown["last_at"])
    [mark] = shown["marks"]
    assert (mark["line"], mark["column"]) == (1, 35)
    assert "Expecting value" in mark["problem"]
    assert (await house.get("/v1/unreadable?state=replayed")).json() == {"unreadables": [], "next": None}
    assert (await house.get("/v1/unreadable?state=lost")).status_code == 422
    assert (await house.get("/v1/unreadable/none")).status_code == 404


async def test_what_is_no_text_is_shown_as_base64(house: House) -> None:
    unreadable_id = await lost(house, b"\xff\xfe{")
    assert (await house.get(f"/v1/unreadable/{unreadable_id}")).json()["body"] == {"base64": "//57"}


async def test_a_repair_says_how_it_reads_now_and_a_replay_rings(house: House) -> None:
    unreadable_id = await lost(house)
    path = f"/v1/unreadable/{unreadable_id}"
    still = (await house.put(path, json={"body": "{"})).json()
    assert still["readable"] is False
    assert still["problems"][0]["expected"]
    event = json.dumps(example("edr", house.clock.now(), "edr-1"))
    mended = (await house.put(path, json={"body": event})).json()
    assert (mended["readable"], mended["events"][0]["event_id"], mended["problems"]) == (True, "edr-1", [])
    assert (await house.get("/v1/events/miso/edr-1")).status_code == 404
    house.service.notebook.last_seen.clear()
    replayed = await house.post(f"{path}/replay", headers={"Prefer": "wait=5"})
    assert replayed.status_code == 202, replayed.text
    assert (replayed.json()["event_id"], replayed.json()["rings"]) == ("edr-1", True)
    assert house.service.notebook.last_seen == {}  # a person's doing is no sign of life of the source
    kept = (await house.get(path)).json()
    assert (kept["state"], kept["acted_by"]) == ("replayed", "demo-operator")
    assert kept["replayed_as"] == replayed.json()["delivery_id"]
    assert kept["body"]["text"] != event == kept["repaired"]["text"]
    event_out = (await house.get("/v1/events/miso/edr-1")).json()
    assert {n["person"] for n in event_out["plan"]["notifications"] if n["channel"] == "voice"} >= {"ana", "ben"}
    assert (await house.post(f"{path}/replay")).status_code == 409
    assert (await house.put(path, json={"body": "{}"})).status_code == 409


async def test_a_replay_that_still_cannot_be_read_waits_as_before(house: House) -> None:
    unreadable_id = await lost(house)
    await house.put(f"/v1/unreadable/{unreadable_id}", json={"body": "still {"})
    answer = await house.post(f"/v1/unreadable/{unreadable_id}/replay", headers={"Prefer": "wait=5"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["unreadable_id"] == unreadable_id
    [kept] = (await house.get("/v1/unreadable")).json()["unreadables"]
    assert (kept["id"], kept["state"], kept["count"]) == (unreadable_id, "new", 1)


async def test_the_same_again_is_counted_and_found_by_either_id(house: House) -> None:
    first, second = await lost(house), await lost(house)
    shown = (await house.get(f"/v1/unreadable/{second}")).json()
    assert (shown["id"], shown["count"]) == (first, 2)
    assert first != second


async def test_it_is_dismissed_with_a_reason(house: House) -> None:
    unreadable_id = await lost(house)
    path = f"/v1/unreadable/{unreadable_id}"
    for wrong in ({}, {"reason": ""}, {"reason": "x" * 501}, {"reason": "two\nlines"}, {"reason": 1}):
        assert (await house.post(f"{path}/dismiss", json=wrong)).status_code == 422
    done = (await house.post(f"{path}/dismiss", json={"reason": "a port scan"})).json()
    assert (done["state"], done["reason"], done["acted_by"]) == ("dismissed", "a port scan", "demo-operator")
    assert (await house.get("/v1/unreadable?state=new")).json()["unreadables"] == []
    for answer in (
        await house.post(f"{path}/dismiss", json={"reason": "again"}),
        await house.put(path, json={"body": "{}"}),
        await house.post(f"{path}/replay"),
    ):
        assert answer.status_code == 409
        assert "dismissed already" in answer.text
    assert (await house.post("/v1/unreadable/none/dismiss", json={"reason": "r"})).status_code == 404


async def test_what_a_person_does_with_it_is_in_the_audit(house: House) -> None:
    """Who, what and why; none of its words."""
    repaired, dismissed = await lost(house), await lost(house, b"secret {")
    event = json.dumps(example("edr", house.clock.now(), "edr-1"))
    await house.put(f"/v1/unreadable/{repaired}", json={"body": event})
    await house.post(f"/v1/unreadable/{repaired}/replay", headers={"Prefer": "wait=5"})
    await house.post(f"/v1/unreadable/{dismissed}/dismiss", json={"reason": "a port scan"})
    rows = (await house.get("/v1/audit?limit=3", "demo-admin")).json()["audit"][::-1]
    said = [(row["what"], row["text"].partition(" could read ")[2], row["after"], row["reason"]) for row in rows]
    assert said == [
        (f"unreadable/{repaired}", "was repaired", {"state": "new"}, ""),
        (f"unreadable/{repaired}", "was repaired and sent again as edr-1", {"state": "replayed"}, ""),
        (f"unreadable/{dismissed}", "was dismissed", {"state": "dismissed"}, "a port scan"),
    ]
    assert {row["actor"] for row in rows} == {"key demo-operator"}
    assert "secret" not in str(rows)


async def test_a_body_that_was_cut_off_is_repaired_first(house: House) -> None:
    answer = await house.post("/v1/events", "demo-upstream", content=b" " * 1_100_000)
    assert answer.status_code == 413
    path = f"/v1/unreadable/{answer.json()['unreadable_id']}"
    await house.until(lambda: house.service.broker.depth() == 0)
    assert (await house.get(path)).json()["truncated"] is True
    assert (await house.post(f"{path}/replay")).status_code == 409
    await house.put(path, json={"body": json.dumps(example("edr", house.clock.now(), "edr-9"))})
    assert (await house.post(f"{path}/replay")).status_code == 202


async def test_repairs_are_bounded_and_plain(house: House) -> None:
    path = f"/v1/unreadable/{await lost(house)}"
    assert (await house.put(path, json={"body": "x" * 1_048_577})).status_code == 413
    assert (await house.put(path, content=b"x" * 3_000_000)).status_code == 413
    assert (
        await house.put(path, content=b'{"body": "\\ud800"}', headers={"Content-Type": "application/json"})
    ).status_code == 422
    assert (await house.put(path, json={"body": 1})).status_code == 422
    assert (await house.put(path, json={})).status_code == 422


async def test_operators_and_admins_only(house: House) -> None:
    path = f"/v1/unreadable/{await lost(house)}"
    for key, status in ((None, 401), ("demo-upstream", 403)):
        assert (await house.get("/v1/unreadable", key)).status_code == status
        assert (await house.get(path, key)).status_code == status
        assert (await house.put(path, key, json={"body": "{}"})).status_code == status
        assert (await house.post(f"{path}/replay", key)).status_code == status
        assert (await house.post(f"{path}/dismiss", key, json={"reason": "r"})).status_code == status


async def test_pages_are_newest_first(house: House) -> None:
    ids = [await lost(house, b"{" * n) for n in (1, 2, 3)]
    first = (await house.get("/v1/unreadable?limit=2")).json()
    second = (await house.get(f"/v1/unreadable?limit=2&after={first['next']}")).json()
    assert [u["id"] for p in (first, second) for u in p["unreadables"]] == ids[::-1]
    assert second["next"] is None
