"""Pages follow each other although others add to the list meanwhile: nothing is told twice, nothing is left out."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from app.api.paging import Page, page, page_as_listed
from tests.app_fixture import House

NAMES = st.text(alphabet="abc-", min_size=1, max_size=4)
Turning = Callable[[list[str], int, str | None], Page]


def by_name(items: list[str], limit: int, after: str | None) -> Page:
    return page(items, str, limit, after)


def as_listed(items: list[str], limit: int, after: str | None) -> Page:
    return page_as_listed(items, str, limit, after)


def read_while_others_add(turn: Turning, items: list[str], limit: int, draw: Callable[..., object]) -> list[str]:
    """Everything, page by page; before each page some names are put in somewhere."""
    told: list[str] = []
    after = None
    while True:
        found = turn(items, limit, after)
        told += found.items
        if found.next is None:
            return told
        after = found.next
        for name in draw(st.lists(NAMES.filter(lambda n: n not in items), max_size=3, unique=True)):
            items.insert(draw(st.integers(0, len(items))), name)


@given(st.lists(NAMES, unique=True, max_size=12), st.integers(1, 5), st.data())
def test_a_list_by_name_tells_each_once(items: list[str], limit: int, data: st.DataObject) -> None:
    before = sorted(items)
    told = read_while_others_add(by_name, items, limit, data.draw)
    assert told == sorted(set(told))
    assert [name for name in told if name in before] == before


@given(st.lists(NAMES, unique=True, max_size=12), st.integers(1, 5), st.data())
def test_a_list_in_its_own_order_tells_each_once(items: list[str], limit: int, data: st.DataObject) -> None:
    before = list(items)
    told = read_while_others_add(as_listed, items, limit, data.draw)
    assert len(set(told)) == len(told)
    assert [name for name in told if name in before] == before
    assert told == [name for name in items if name in told]


def test_when_the_last_one_told_is_gone_its_place_counts() -> None:
    assert page_as_listed(["a", "b", "c", "d"], str, 2, None) == Page(["a", "b"], "2.b")
    assert page_as_listed(["a", "c", "d"], str, 2, "2.b").items == ["c", "d"]
    assert page_as_listed([], str, 2, "0.b") == Page([], None)


async def test_a_route_put_in_front_moves_no_page(house: House) -> None:
    """By the position alone `fast` would be told twice."""
    first = (await house.get("/v1/routes?limit=1")).json()
    new = {"match": {"modes": ["drill"]}, "team": "ops", "policy": "default"}
    made = await house.put("/v1/routes/drills?before=fast", "demo-admin", json=new)
    assert made.status_code == 201, made.text
    rest = (await house.get(f"/v1/routes?after={first['next']}")).json()
    assert [route["id"] for route in (*first["routes"], *rest["routes"])] == ["fast", "everything"]
    assert (await house.get("/v1/routes?after=2")).status_code == 422


async def test_resources_whose_names_read_alike_are_two(house: House) -> None:
    """`a/b` of scheme `x` and `b` of scheme `x/a`, and a cursor longer than most."""
    table = f"scheme,code,name\nx,a/b,One\nx/a,b,Two\n{'y' * 200},{'z' * 200},Long\nzz,1,Last\n"
    headers = {"Content-Type": "text/csv"}
    assert (await house.post("/v1/resources/import", "demo-admin", content=table, headers=headers)).status_code == 200
    told: list[str] = []
    after: dict[str, str] = {}
    while True:
        found = (await house.get("/v1/resources", params={"limit": "1"} | after)).json()
        told += [resource["name"] for resource in found["resources"]]
        if found["next"] is None:
            break
        after = {"after": found["next"]}
    assert {"One", "Two", "Long", "Last"} <= set(told)
    assert len(told) == len(set(told))
