"""The operator's page: what it says, that reading it changes nothing, and what its buttons do."""

from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest

from app.page_links import LIFE
from intake.examples import example
from store import events
from tests.app_fixture import House, opened

MAX_BYTES = 30_000
HOSTILE = "<script>alert(1)</script> & \"quoted\" '<img src=x onerror=y>' {{ 7*7 }} \x07"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as house:
        yield house


async def address(house: House, person: str = "ana", event_id: str = "E-1") -> str:
    event = await house.service.database.read(lambda conn: events.find(conn, "miso", event_id))
    assert event is not None
    return f"/e/{house.service.page_links.token(event.pk, person)}"


async def press(house: House, url: str, answer: str = "acknowledge", revision: int = 1) -> httpx2.Response:
    return await house.client.post(url, data={"answer": answer, "revision": str(revision)})


async def replies(house: House, event_id: str = "E-1") -> list[tuple[str, str, str, int]]:
    found = (await house.get(f"/v1/events/miso/{event_id}")).json()["replies"]
    return [(r["person"], r["reply"], r["channel"], r["revision"]) for r in found]


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


async def test_it_says_what_a_call_says_in_that_order(house: House) -> None:
    """And then who has accepted, by when to answer, and the buttons. By the reader's clock and the issuer's."""
    await house.send("E-1")
    text = (await house.client.get(await address(house))).text
    said = (
        "This is not a drill",
        "MISO EDR",
        "ACT NOW",
        "Reduce 12.5 MW",
        "by 09:30 CST (10:30 EST), 30 min left",
        "hold until released",
        "Foundry 1",
        "Nobody has accepted yet",
        "Ana Reyes, answer by 09:10 CST, 10 min left",
        ">Acknowledge<",
        ">Cannot comply<",
        "Ref ",
        "also confirm in MCS",
    )
    places = [text.find(words) for words in said]
    assert -1 not in places, said[places.index(-1)]
    assert places == sorted(places)


async def test_reading_it_changes_nothing(house: House) -> None:
    """A phone's preview of the link reads it many times."""
    await house.send("E-1")
    url = await address(house)
    await house.until(lambda: house.service.broker.depth() == 0)
    for _ in range(3):
        assert (await house.client.get(url)).status_code == 200
        assert (await house.client.get(url, params={"answer": "acknowledge", "revision": 1})).status_code == 200
    assert (await house.client.head(url)).status_code == 405
    assert await replies(house) == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [("acknowledge", "You have accepted, and that counts."), ("cannot_comply", "Noted: you cannot comply.")],
)
async def test_a_button_answers_and_the_page_comes_again(house: House, answer: str, told: str) -> None:
    await house.send("E-1")
    page = await press(house, await address(house), answer)
    assert page.status_code == 200
    assert told in page.text
    assert "Reduce 12.5 MW" in page.text
    assert await replies(house) == [("ana", answer, "page", 1)]


async def test_another_reads_who_has_accepted(house: House) -> None:
    await house.send("E-1")
    await press(house, await address(house, "ben"))
    text = (await house.client.get(await address(house))).text
    assert "Accepted by</b> Ben Okafor (09:00 CST)" in text
    assert "Nobody has accepted yet" not in text


async def test_an_old_page_does_not_answer_a_new_order(house: House) -> None:
    await house.send("E-1")
    url = await address(house)
    await house.send("E-1", "update")
    page = await press(house, url, revision=1)
    assert "That was not counted: the order was replaced meanwhile." in page.text
    assert await replies(house) == []
    assert 'name="revision" value="2"' in page.text
    assert "You have accepted" in (await press(house, url, revision=2)).text


async def test_after_the_end_there_is_nothing_to_press(house: House) -> None:
    """What is pressed on an old page all the same is kept and does not count; after a day the page is closed."""
    await house.send("E-1")
    await house.send("E-1", "terminate")
    url = await address(house)
    page = await house.client.get(url)
    assert "RELEASED" in page.text
    assert "<form" not in page.text
    assert "That came after the end" in (await press(house, url)).text
    house.advance(LIFE.total_seconds() + 1)
    for gone in (await house.client.get(url), await press(house, url)):
        assert gone.status_code == 410
        assert "MISO" not in gone.text


async def test_an_address_nobody_made_is_counted_and_refused(house: House) -> None:
    await house.send("E-1")
    url = await address(house)
    for wrong in (url[:-2] + "AA", "/e/x", f"/e/{'A' * 35}"):
        assert (await house.client.get(wrong)).status_code == 404
        assert (await press(house, wrong)).status_code == 404
    assert await replies(house) == []
    assert 'gridcall_callers_refused_total{reason="unknown_link"} 6.0' in (await house.client.get("/metrics")).text


@pytest.mark.parametrize("form", [{}, {"answer": "maybe", "revision": "1"}, {"answer": "acknowledge", "revision": "x"}])
async def test_what_is_no_answer_is_refused(house: House, form: dict[str, str]) -> None:
    await house.send("E-1")
    assert (await house.client.post(await address(house), data=form)).status_code == 422
    assert await replies(house) == []


async def test_strangers_words_are_never_markup(house: House) -> None:
    """In whatever field the issuer puts them."""
    fields = ("headline", "text", "issuer", "program", "phase_detail", "contact")
    body = example("edr", house.clock.now(), "E-1") | dict.fromkeys(fields, HOSTILE)
    await house.send("E-1", body=body)
    page = await house.client.get(await address(house))
    tags = Tags(page.text).found
    assert {tag for tag, _ in tags}.isdisjoint({"script", "img", "iframe", "link", "object"})
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;" in page.text
    assert "49" not in page.text.partition("</style>")[2].replace("{{ 7*7 }}", "")
    assert "\x07" not in page.text


async def test_it_is_small_loads_nothing_and_is_kept_nowhere(house: House) -> None:
    body = example("edr", house.clock.now(), "E-1") | {"text": "word " * 205}
    await house.send("E-1", body=body)
    page = await house.client.get(await address(house))
    assert len(page.content) < MAX_BYTES
    headers = page.headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    policy = headers["content-security-policy"]
    for rule in ("default-src 'none'", "style-src 'sha256-", "form-action 'self'", "frame-ancestors 'none'"):
        assert rule in policy
    attributes = [attribute for _, found in Tags(page.text).found for attribute in found]
    assert {"src", "srcset", "style"}.isdisjoint(attributes)


async def test_who_reads_the_words_that_were_texted_cannot_answer_as_them(house: House) -> None:
    from app.logs import masked, without_pages

    token = house.service.page_links.token(house.service.ids.new(), "ana")
    for hide in (masked, without_pages):
        assert hide(f"See https://gridcall.example/e/{token} (2/2 A)") == "See https://gridcall.example/e/… (2/2 A)"
