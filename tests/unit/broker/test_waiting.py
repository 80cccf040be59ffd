"""In which order waiting messages are taken."""

import asyncio

from broker.waiting import Waiting


async def test_the_first_line_goes_first_and_slot_ten_is_the_last_lines():
    waiting = Waiting()
    waiting.add("late", 3, "miso")
    for number in range(20):
        waiting.add(f"c{number}", 1, "miso")
    waiting.add("reply", 0, "gridcall")
    taken = [await waiting.take() for _ in range(22)]
    assert taken[0] == "reply"
    assert taken.index("late") == 9
    assert [item for item in taken if item.startswith("c")] == [f"c{number}" for number in range(20)]


async def test_what_is_taken_alone_waits_for_empty_hands_and_lets_others_wait():
    waiting = Waiting()
    waiting.add("a", 1, "miso")
    assert await waiting.take() == "a"
    waiting.add("b", 1, "miso")
    waiting.add_alone("dangerous")
    taking = asyncio.ensure_future(waiting.take())
    await asyncio.sleep(0)
    assert not taking.done()
    waiting.put_down()
    assert await taking == "dangerous"
    taking = asyncio.ensure_future(waiting.take())
    await asyncio.sleep(0)
    assert not taking.done()
    waiting.put_down()
    assert await taking == "b"


async def test_what_is_cleared_is_gone():
    waiting = Waiting()
    waiting.add("a", 2, "miso")
    waiting.add_alone("b")
    assert len(waiting) == 2
    assert waiting.clear() == ["a", "b"]
    assert len(waiting) == 0


async def test_sources_take_turns_and_each_keeps_its_order():
    """A source that sends much keeps nobody waiting in the same line."""
    waiting = Waiting()
    for number in range(500):
        waiting.add(f"loud{number}", 1, "loud")
    waiting.add("quiet0", 1, "quiet")
    waiting.add("quiet1", 1, "quiet")
    taken = [await waiting.take() for _ in range(502)]
    assert taken[:5] == ["loud0", "quiet0", "loud1", "quiet1", "loud2"]
    assert [item for item in taken if item.startswith("loud")] == [f"loud{number}" for number in range(500)]
