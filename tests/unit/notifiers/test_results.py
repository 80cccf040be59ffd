"""Outcomes that come in together are written together; one that cannot be written harms no other."""

import asyncio

import pytest

from notifiers import results
from notifiers.results import Results
from tests.unit.routing.house import CountingIds


class Book:
    """Instead of the table: what was written, by transaction. `closed`: nothing is written while it is cleared."""

    def __init__(self, monkeypatch):
        self.pages, self.open = [], asyncio.Event()
        self.open.set()
        monkeypatch.setattr(results.accepted, "write", lambda conn, ids, some: conn.append(tuple(some)))
        self.results = Results(self.written, CountingIds())

    async def written(self, work):
        await self.open.wait()
        page = []
        work(page)
        [some] = page
        if "poison" in some and len(some) > 1:
            raise RuntimeError("one of them")
        if some == ("poison",):
            raise RuntimeError("this one")
        self.pages.append(some)


@pytest.fixture
async def book(monkeypatch):
    return Book(monkeypatch)


async def turns(n=5):
    for _ in range(n):
        await asyncio.sleep(0)


async def test_what_comes_in_meanwhile_is_written_together(book):
    book.open.clear()
    first = asyncio.create_task(book.results.write("a"))
    await turns()
    others = [asyncio.create_task(book.results.write(name)) for name in "bcd"]
    await turns()
    assert not book.pages
    book.open.set()
    await asyncio.gather(first, *others)
    assert book.pages == [("a",), ("b", "c", "d")]


async def test_no_more_than_so_many_share_a_transaction(book, monkeypatch):
    monkeypatch.setattr(results, "TOGETHER", 2)
    await asyncio.gather(*(book.results.write(name) for name in "abcde"))
    assert book.pages == [("a", "b"), ("c", "d"), ("e",)]


@pytest.mark.parametrize("names", [("poison", "b", "c"), ("a", "poison", "c"), ("a", "b", "poison")])
async def test_one_that_cannot_be_written_harms_no_other(book, names):
    outcomes = await asyncio.gather(*(book.results.write(name) for name in names), return_exceptions=True)
    assert {name for page in book.pages for name in page} == set(names) - {"poison"}
    failed = [name for name, outcome in zip(names, outcomes, strict=True) if isinstance(outcome, RuntimeError)]
    assert failed == ["poison"]


async def test_who_is_stopped_while_writing_leaves_it_to_the_others(book):
    book.open.clear()
    first, second = (asyncio.create_task(book.results.write(name)) for name in "ab")
    await turns()
    first.cancel()
    await turns()
    book.open.set()
    async with asyncio.timeout(5):
        await second
    assert book.pages == [("b",)]


async def test_who_is_stopped_as_its_turn_comes_passes_it_on(book):
    book.open.clear()
    first, second, third = (asyncio.create_task(book.results.write(name)) for name in "abc")
    await turns()
    first.cancel()  # what it was writing for all is left to the second ...
    await asyncio.sleep(0)
    second.cancel()  # ... which has not begun
    book.open.set()
    async with asyncio.timeout(5):
        await third
    assert book.pages == [("c",)]
