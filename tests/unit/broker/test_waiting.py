"""In which order waiting messages are taken."""

import asyncio

from broker.waiting import Waiting


async def test_the_first_line_goes_first_and_slot_ten_is_the_last_lines():
    waiting = Waiting()
    waiting.add("late", 3)
    for number in range(20):
        waiting.add(f"c{number}", 1)
    waiting.add("reply", 0)
    taken = [await waiting.take() for _ in range(22)]
    assert taken[0] == "reply"
    assert taken.index("late") == 9
    assert [item for item in taken if item.startswith("c")] == [f"c{number}" for number in range(20)]


async def test_what_is_taken_alone_waits_for_empty_hands_and_lets_others_wait():
    waiting = Waiting()
    waiting.add("a", 1)
    assert await waiting.take() == "a"
    waiting.add("b", 1)
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
    waiting.add("a", 2)
    waiting.add_alone("b")
    assert len(waiting) == 2
    assert waiting.clear() == ["a", "b"]
    assert len(waiting) == 0
