"""The table of who may use what: it names every route, and every route keeps to it."""

import re

import pytest

from app import access
from app.access import WHO, Door
from app.api import live
from app.api.deps import MOST_NAMED
from config.keys import Role
from tests.app_fixture import NUMBERS, House, opened

KEYS = {Role.UPSTREAM: "demo-upstream", Role.OPERATOR: "demo-operator", Role.ADMIN: "demo-admin"}
NAMES = {"source": "miso", "source_id": "miso"}
SOCKET = "WEBSOCKET /v1/live/ws"  # tests/unit/app/test_live_api.py


@pytest.fixture
async def house(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "MAX_WATCHERS", 0)  # a feed would never end
    async with opened(tmp_path, loops=False) as found:
        yield found


async def ask(house: House, route: str, key: str | None, query: str = ""):
    house.advance(60)  # whoever is refused too often is told so
    method, path = route.split(" ")
    path = re.sub(r"{(\w+)(:path)?}", lambda m: NAMES.get(m[1], "none"), path)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    headers["Content-Type"] = "application/json"
    return await house.client.request(method, path + query, headers=headers, content=b"{}")


async def test_it_names_every_route_and_no_other(house: House) -> None:
    """Building the application refuses a route that is not in the table; here nothing stands in it for nothing."""
    described = (await house.client.get("/openapi.json")).json()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    undescribed = ("/callbacks/", " /docs", " /openapi.json")
    table = {route.replace(":path", "") for route in WHO if not any(part in route for part in undescribed)}
    assert table - {SOCKET} == served


def test_a_route_without_an_entry_is_not_served() -> None:
    class Forgotten:
        path = "/v1/forgotten"
        methods = frozenset({"GET"})

    with pytest.raises(LookupError, match="GET /v1/forgotten has no entry"):
        access.check([Forgotten()])


KEYED = {route: who for route, who in WHO.items() if isinstance(who, frozenset) and route != SOCKET}


async def test_no_route_opens_without_a_key(house: House) -> None:
    for route in KEYED:
        for key in (None, "wrong", ""):
            answer = await ask(house, route, key)
            assert answer.status_code == 401, (route, key)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("role", Role)
async def test_a_route_opens_for_its_roles_only(house: House, role: Role) -> None:
    for route, who in KEYED.items():
        answer = await ask(house, route, KEYS[role])
        if role in who:
            assert answer.status_code not in (401, 403, 429, 500), (route, answer.text)
        else:
            assert answer.status_code == 403, (route, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"


BARE = {"POST /v1/events", "POST /v1/sources/{source}/events", "POST /v2/enqueue"}  # what is sent counts, however
UNKNOWN = "?dry_runn=true"


async def test_a_parameter_that_nobody_reads_is_refused_everywhere(house: House) -> None:
    for route in KEYED:
        answer = await ask(house, route, "demo-admin", UNKNOWN)
        if route in BARE:
            assert "dry_runn" not in answer.text, route
        else:
            fields = [error["field"] for error in answer.json().get("errors", ())]
            assert (answer.status_code, fields) == (422, ["query.dry_runn"]), (route, answer.text)


async def test_a_parameter_that_nobody_reads_is_answered_with_those_that_are(house: House) -> None:
    for path, known in (
        ("/v1/oncall?teams=ops", 'one of at, team; did you mean "team"?'),
        ("/v1/roster?version=7", "no parameter: nothing is read here"),
    ):
        answer = await house.get(path, "demo-admin")
        assert (answer.status_code, answer.json()["title"]) == (422, "The request cannot be read")
        assert [error["expected"] for error in answer.json()["errors"]] == [known]
    many = await house.get("/v1/oncall?" + "&".join(f"x{n}=" for n in range(1000)), "demo-admin")
    assert len(many.json()["errors"]) == MOST_NAMED
    assert (await house.get("/v1/oncall?teams=ops", None)).status_code == 401


@pytest.mark.parametrize("query", ["", UNKNOWN])
async def test_other_doors_ask_for_no_key(house: House, query: str) -> None:
    """What vendors call wants their signature instead. Whoever adds a parameter is heard all the same."""
    wanted = {Door.SIGNED: {403}, Door.ADDRESS: {404}, Door.SENDER: {401}, Door.OPEN: {200, 503}}  # 503: no loop turns
    for route, who in WHO.items():
        if isinstance(who, Door):
            assert (await ask(house, route, None, query)).status_code in wanted[who], route


@pytest.mark.parametrize(
    "route",
    [
        "POST /v1/sources/{source}/events",
        "GET /v1/sources/{source}/heartbeat",
        "GET /v1/events/{source}/{event_id:path}",
    ],
)
async def test_an_upstream_has_its_own_source_only(house: House, route: str) -> None:
    assert (await ask(house, route.replace("{source}", "alertmanager"), "demo-upstream")).status_code == 403
    assert (await ask(house, route, "demo-upstream")).status_code != 403


async def test_operators_and_upstreams_read_no_whole_number_anywhere(tmp_path) -> None:
    """Of each route that answers to a GET, filled with what an event leaves behind."""
    async with opened(tmp_path) as house:
        await house.send("edr-1")
        await house.post("/v1/events", "demo-upstream", content=b"{", headers={"Prefer": "wait=5"})
        body = {"person": "ana", "reply": "acknowledge"}
        await house.post("/v1/events/miso/edr-1/reply", json=body)
        names = {"event_id:path": "edr-1", "person_id": "ana", "rotation_id": "ops-backup", "team_id": "ops"}
        for route in WHO:
            method, path = route.split(" ")
            if method != "GET" or path == "/v1/live" or path.startswith(("/docs", "/openapi")):
                continue
            for name, value in (names | NAMES).items():
                path = path.replace(f"{{{name}}}", value)
            for key in ("demo-operator", "demo-upstream"):
                answer = await house.get(path, key)
                assert [n for n in NUMBERS if n in answer.text or n[1:] in answer.text] == [], path
        assert NUMBERS[0] in (await house.get("/v1/people", "demo-admin")).text
