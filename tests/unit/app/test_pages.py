"""The operator's page: what it says, that reading it changes nothing, and what its buttons do."""

from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest

from app.page_links import LIFE
from intake.examples import example
from model.errors import Unavailable
from model.reply import Answer, Heard
from notifiers.wording import page as wording
from notifiers.wording.answers import NEXT
from routing.heard import message_of
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
    [("acknowledge", "You have accepted, and that counts."), ("cannot_comply", f"Noted: you cannot comply. {NEXT}")],
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


async def several(house: House, count: int) -> list[str]:
    """So many events; the address of Ana's page of each."""
    for n in range(1, count + 1):
        await house.send(f"E-{n}")
    return [await address(house, event_id=f"E-{n}") for n in range(1, count + 1)]


def offered(text: str) -> dict[str, str]:
    """What the form of "accept all" sends."""
    inputs = [found for tag, found in Tags(text).found if tag == "input"]
    return {str(one["name"]): str(one["value"]) for one in inputs}


async def test_what_else_waits_for_the_reader_is_listed_with_its_own_page(house: House) -> None:
    """Most urgent first; what the reader has answered, or what is over, waits no more."""
    mild = example("edr", house.clock.now(), "mild") | {"severity": "warning"}
    await house.send("mild", body=mild)
    urls = await several(house, 4)
    await press(house, urls[2])
    await house.send("E-4", "terminate")
    text = (await house.client.get(urls[0])).text
    listed = [f"/e/{found['href']}" for tag, found in Tags(text).found if tag == "a"]
    assert listed == [urls[1], await address(house, event_id="mild")]
    assert ">MISO EDR: Reduce 12.5 MW</a>, by 09:30 CST (10:30 EST)</li>" in text
    assert "Accept all 3<" in text
    assert "Accepted by" not in text
    assert [person for person, *_ in await replies(house)] == []


async def test_alone_an_event_has_no_list(house: House) -> None:
    [url] = await several(house, 1)
    text = (await house.client.get(url)).text
    assert "Also waiting" not in text
    assert "Accept all" not in text


async def test_nobody_is_shown_what_they_were_not_asked(house: House) -> None:
    await several(house, 2)
    carla = (await house.client.get(await address(house, "carla"))).text
    assert "Also waiting" not in carla


async def test_all_are_accepted_after_one_question(house: House) -> None:
    """The question changes nothing."""
    urls = await several(house, 3)
    question = await house.client.get(f"{urls[0]}/all")
    assert "Accept all 3 events?" in question.text
    assert await replies(house) == []
    said = await house.client.post(f"{urls[0]}/all", data=offered(question.text))
    assert "You have accepted 3 events, and that counts." in said.text
    for n in (1, 2, 3):
        assert await replies(house, f"E-{n}") == [("ana", "acknowledge", "page", 1)]
    assert "Nothing waits for your answer." in (await house.client.get(f"{urls[0]}/all")).text
    assert "Also waiting" not in (await house.client.get(urls[0])).text


async def test_what_came_or_changed_after_the_question_is_not_accepted_by_it(house: House) -> None:
    urls = await several(house, 3)
    question = await house.client.get(f"{urls[0]}/all")
    await house.send("E-2", "update")
    await house.send("E-3", "terminate")
    await house.send("E-9")
    said = await house.client.post(f"{urls[0]}/all", data=offered(question.text))
    assert "You have accepted 1 of 3 events." in said.text
    assert await replies(house) == [("ana", "acknowledge", "page", 1)]
    assert await replies(house, "E-2") == await replies(house, "E-9") == []


@pytest.mark.parametrize("named", ["", "x", "1.1", f"{'0' * 36}.1", "018f0000-0000-7000-8000-000000000000.0"])
async def test_what_the_question_did_not_send_is_refused(house: House, named: str) -> None:
    [url] = await several(house, 1)
    assert (await house.client.post(f"{url}/all", data={"events": named})).status_code == 422
    assert await replies(house) == []


async def test_an_event_that_nobody_knows_is_no_answer(house: House) -> None:
    [url] = await several(house, 1)
    named = f"{house.service.ids.new()}.1"
    assert "You have accepted 0 of 1 events." in (await house.client.post(f"{url}/all", data={"events": named})).text


async def test_all_are_accepted_by_the_queue_when_the_database_is_slow(house: House) -> None:
    """What is replaced meanwhile keeps the others from nothing."""
    urls = await several(house, 3)
    question = offered((await house.client.get(f"{urls[0]}/all")).text)
    await house.send("E-2", "update")
    named = tuple((pk, int(n)) for pk, n in (one.split(".") for one in question["events"].split()))
    heard = Heard(
        id=house.service.ids.new(),
        channel="page",
        answer=Answer.ACKNOWLEDGE,
        received_at=house.clock.now(),
        person="ana",
        several=named,
    )
    for _ in range(2):  # a queue may bring it twice
        await house.service.broker.publish(message_of(heard))
        await house.until(lambda: house.service.broker.depth() == 0)
    assert [await replies(house, f"E-{n}") for n in (1, 2, 3)] == [
        [("ana", "acknowledge", "page", 1)],
        [],
        [("ana", "acknowledge", "page", 1)],
    ]


async def test_the_list_ends_and_the_page_stays_small(house: House) -> None:
    """Whatever the issuers write: 50 are named, of the rest how many; all can be accepted."""
    body = example("edr", house.clock.now(), "E-1") | dict.fromkeys(("headline", "issuer", "program"), '"' * 200)
    for n in range(1, 54):
        await house.send(f"E-{n}", body=body | {"event_id": f"E-{n}"})
    url = await address(house)
    page = await house.client.get(url)
    assert len(page.content) < MAX_BYTES
    assert page.text.count("<li>") == 50
    assert "and 2 more" in page.text
    question = await house.client.get(f"{url}/all")
    assert len(offered(question.text)["events"].split()) == 53


def test_the_question_stays_small_too() -> None:
    asked = [(f"018f0000-0000-7000-8000-{n:012}", 100) for n in range(500)]
    assert len(wording.accept_all("A" * 35, asked, 12).encode()) < MAX_BYTES


async def test_without_a_database_it_says_what_to_do_instead(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """And of an answer that was taken before that it counts."""
    await house.send("E-1")
    url = await address(house)

    async def away(_: object) -> None:
        raise Unavailable("on purpose")

    monkeypatch.setattr(house.service.database, "read", away)
    for path in (url, f"{url}/all"):
        page = await house.client.get(path)
        assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
        assert "reply 1 or 2 and the code of the text you got, or press the key in the call" in page.text
    pressed = await press(house, url)
    assert pressed.status_code == 200
    assert "You have accepted, and that counts." in pressed.text
    assert "cannot be shown now" in pressed.text
    monkeypatch.undo()
    assert await replies(house) == [("ana", "acknowledge", "page", 1)]
