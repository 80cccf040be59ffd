"""Routes in their order, and resources, one by one or as a table."""

import threading
from typing import Any

import httpx2
import pytest

from app.resource_table import MAX_ROWS
from app.roster_diff import Difference
from tests.app_fixture import House

DRILLS = {"match": {"modes": ["drill"]}, "team": "ops", "policy": "fast"}
MILL = "resources/MISO-EPNODE/ACME.MILL2"


async def ask(
    house: House, method: str, path: str, body: Any = None, if_match: str | None = None, key: str = "demo-admin"
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"} | ({"If-Match": if_match} if if_match else {})
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    return await house.client.request(method, f"/v1/{path}", headers=headers, **content)


def order(house: House) -> list[str]:
    return [route.id for route in house.service.rosters.roster.routes]


# --- routes -----------------------------------------------------------------------------------------------------------


async def test_a_new_route_goes_before_the_catch_all_or_where_it_is_told(house: House) -> None:
    made = await ask(house, "PUT", "routes/drills", DRILLS)
    assert made.status_code == 201, made.text
    assert order(house) == ["fast", "drills", "everything"]
    assert (await ask(house, "PUT", "routes/tests?before=fast", DRILLS)).status_code == 201
    assert order(house) == ["tests", "fast", "drills", "everything"]
    found = (await ask(house, "GET", "routes/tests")).json()
    assert (found["position"], found["match"]) == (1, {"modes": ["drill"]})


async def test_a_route_is_changed_in_its_place_or_moved(house: House) -> None:
    await ask(house, "PUT", "routes/drills", DRILLS)
    found = await ask(house, "GET", "routes/fast")
    entry, etag = found.json()["entry"], found.headers["etag"]
    assert (await ask(house, "PUT", "routes/fast", entry)).status_code == 428
    moved = await ask(house, "PUT", "routes/fast?before=everything", entry, etag)
    assert [c["text"] for c in moved.json()["changes"]] == [
        "change order of routes: [fast, drills, everything] -> [drills, fast, everything]"
    ]
    changed = await ask(house, "PUT", "routes/fast", entry | {"policy": "default"}, etag)
    assert [c["text"] for c in changed.json()["changes"]] == ["change route fast: policy fast -> default"]
    assert order(house) == ["drills", "fast", "everything"]
    assert (await ask(house, "PUT", "routes/fast", entry, etag)).status_code == 412


async def test_the_catch_all_stays_the_last(house: House) -> None:
    gone = await ask(house, "DELETE", "routes/everything", None, "*")
    assert (gone.status_code, gone.json()["errors"][0]["expected"][:20]) == (409, "expected a catch-all")
    narrowed = await ask(house, "PUT", "routes/everything", DRILLS, "*")
    assert (narrowed.status_code, narrowed.json()["errors"][0]["field"]) == (422, "body")
    early = await ask(house, "PUT", "routes/all", {"team": "ops", "policy": "fast"})
    assert (early.status_code, "never reached" in early.json()["errors"][0]["expected"]) == (422, True)
    assert order(house) == ["fast", "everything"]


async def test_a_route_is_taken_out(house: House) -> None:
    assert (await ask(house, "DELETE", "routes/fast")).status_code == 428
    assert (await ask(house, "DELETE", "routes/fast", None, "*")).status_code == 200
    assert order(house) == ["everything"]
    assert (await ask(house, "DELETE", "routes/fast", None, "*")).status_code == 404
    assert (await ask(house, "GET", "routes/fast")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("routes/drills", DRILLS | {"policy": "none"}, "body.policy"),
        ("routes/drills", DRILLS | {"match": {"modes": ["dril"]}}, "body.match.modes[0]"),
        ("routes/drills", DRILLS | {"id": "another"}, "body.id"),
        ("routes/drills?before=none", DRILLS, "query.before"),
        ("routes/drills?before=drills", DRILLS, "query.before"),
        ("resources/X/Y", {"name": "Y", "contracted_mw": -1}, "body.contracted_mw"),
        ("resources/X/Y", {"name": "Y", "code": "Z"}, "body.code"),
        ("resources/X/Y", {"name": "Y", "team": "none"}, "body.team"),
    ],
)
async def test_what_is_wrong_is_named(house: House, path: str, body: Any, field: str) -> None:
    answer = await ask(house, "PUT", path, body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text


# --- resources --------------------------------------------------------------------------------------------------------


async def test_a_resource_is_made_changed_and_taken_out(house: House) -> None:
    """A code may hold a slash."""
    path = "resources/PJM-ZONE/PENELEC/EAST"
    made = await ask(house, "PUT", path, {"name": "East", "contracted_mw": 2.5})
    assert made.status_code == 201, made.text
    found = await ask(house, "GET", path)
    assert found.json()["entry"] == {"scheme": "PJM-ZONE", "code": "PENELEC/EAST", "name": "East", "contracted_mw": 2.5}
    etag = found.headers["etag"]
    assert (await ask(house, "PUT", path, {"name": "E"})).status_code == 428
    assert (await ask(house, "PUT", path, {"name": "E"}, etag)).status_code == 200
    assert (await ask(house, "DELETE", path, None, etag)).status_code == 412
    assert (await ask(house, "DELETE", path, None, "*")).status_code == 200
    assert (await ask(house, "GET", path)).status_code == 404
    assert (await ask(house, "DELETE", path, None, "*")).status_code == 404


async def test_a_table_adds_and_replaces_and_lets_the_others_be(house: House) -> None:
    table = (
        b"\xef\xbb\xbfcode,scheme,name,contracted_mw,team\r\n"
        b'ACME.MILL2,MISO-EPNODE,"Mill 2, new",9.5,ops\r\n\r\nACME.MINE,MISO-EPNODE,Mine,,\r\n'
    )
    assert (await ask(house, "POST", "resources/import", table)).status_code == 428
    assert (await ask(house, "POST", "resources/import", table, '"7"')).status_code == 412
    done = await ask(house, "POST", "resources/import", table, '"1"')
    assert done.status_code == 200, done.text
    assert [c["what"] for c in done.json()["changes"]] == [
        "resources/MISO-EPNODE/ACME.MILL2",
        "resources/MISO-EPNODE/ACME.MINE",
    ]
    roster = house.service.rosters.roster
    mill, mine = roster.resource("MISO-EPNODE", "ACME.MILL2"), roster.resource("MISO-EPNODE", "ACME.MINE")
    assert (mill.name, mill.contracted_mw, mill.zone) == ("Mill 2, new", 9.5, "")
    assert (mine.name, mine.team) == ("Mine", None)
    assert len(roster.resources) == 3
    more = b"scheme,code,name\nA,B,C\n"
    assert (await ask(house, "POST", "resources/import", more)).status_code == 200


@pytest.mark.parametrize(
    ("table", "field"),
    [
        (b"", "line 1"),
        (b"scheme,code\nA,B\n", "line 1"),
        (b"scheme,code,name,colour\nA,B,C,red\n", "line 1"),
        (b"scheme,code,name,name\nA,B,C,D\n", "line 1"),
        (b"scheme,code,name\nA,B\n", "line 2"),
        (b"scheme,code,name\nA,B,=HYPERLINK(1)\n", "line 2.name"),
        (b"scheme,code,name\nA,B,C\nA,@B,C\n", "line 3.code"),
        (b"scheme,code,name\nA,B,C\nA,B,D\n", "line 2"),
        (b"scheme,code,name,contracted_mw\nA,B,C,12.5\nA,D,E,much\n", "line 3.contracted_mw"),
        (b"scheme,code,name,team\nA,B,C,nobody\n", "line 2.team"),
        (b"scheme,code,name\nA,B,\n", "line 2"),
        (b"scheme,code,name\n" + b"A,B,C\n" * (MAX_ROWS + 1), "body"),
    ],
)
async def test_a_wrong_table_changes_nothing(house: House, table: bytes, field: str) -> None:
    answer = await ask(house, "POST", "resources/import", table)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
    assert house.service.rosters.roster.version == 1


@pytest.mark.parametrize("table", [b"\xff", b'scheme,code,name\nA,B,"C\n', b"scheme,code,name\nA,B,\x00\n"])
async def test_what_is_no_table_is_refused(house: House, table: bytes) -> None:
    assert (await ask(house, "POST", "resources/import", table)).status_code == 422


async def test_admins_may_and_nobody_else(house: House) -> None:
    edits = [("PUT", "routes/fast"), ("DELETE", "routes/fast"), ("PUT", MILL), ("DELETE", MILL)]
    for method, path in [*edits, ("POST", "resources/import")]:
        for key, status in (("wrong", 401), ("demo-operator", 403), ("demo-upstream", 403)):
            assert (await ask(house, method, path, {}, key=key)).status_code == status
    for path in ("routes/fast", MILL):
        found = await ask(house, "GET", path, key="demo-operator")
        assert (found.status_code, "entry" in found.json()) == (200, False)


async def test_many_changes_are_put_into_words_beside_the_event_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long table it takes half a second, in which no event would come in."""
    shown, threads = Difference.shown, list[threading.Thread]()

    def noted(difference: Difference) -> Any:
        threads.append(threading.current_thread())
        return shown(difference)

    monkeypatch.setattr(Difference, "shown", noted)
    table = b"scheme,code,name\nS,1,One\nS,2,Two\n"
    done = await house.post("/v1/resources/import", "demo-admin", content=table)
    assert [change["what"] for change in done.json()["changes"]] == ["resources/S/1", "resources/S/2"]
    assert len(threads) == 2
    assert threading.main_thread() not in threads
