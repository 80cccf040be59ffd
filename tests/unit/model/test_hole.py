"""Numbers that never came: each hole once, whatever the order in which messages come in."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from model.hole import MOST_OPEN, Hole, take

NOW = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)


class Books:
    """What a source's numbers make of the rows, as the store keeps them."""

    def __init__(self) -> None:
        self.highest: int | None = None
        self.holes: dict[int, Hole] = {}
        self.now = NOW

    def comes(self, *numbers: int, again: bool = False) -> "Books":
        for number in numbers:
            self.now += timedelta(seconds=1)
            known = list(self.holes.values())
            self.highest, hole = take("miso", self.highest, known, number, self.now, again=again)
            if hole is not None:
                self.holes[hole.first] = hole
        return self

    def missing(self) -> list[int]:
        ranges = [r for hole in self.holes.values() for r in hole.missing]
        return sorted(n for first, last in ranges for n in range(first, last + 1))


def test_a_hole_is_between_what_came() -> None:
    books = Books().comes(41, 42, 46)
    [hole] = books.holes.values()
    assert (hole.missing, hole.event_id, hole.closed_at) == (((43, 45),), "missing/miso/43-45", None)
    books.comes(44)
    assert books.holes[43].missing == ((43, 43), (45, 45))
    books.comes(45, 43)
    assert (books.holes[43].missing, books.holes[43].closed_at) == ((), books.now)
    assert books.comes(47).highest == 47


def test_what_came_before_the_first_is_nobodys_loss() -> None:
    assert Books().comes(1000).holes == {}


def test_a_sender_that_begins_anew_is_counted_from_there_and_a_repeated_first_is_not() -> None:
    assert Books().comes(7, 8, 1, 2).missing() == []
    assert Books().comes(1, 2, 3).comes(1, again=True).comes(4).missing() == []
    assert Books().comes(1, 2, 3).comes(2).comes(4).missing() == []


def test_who_leaves_out_more_than_anybody_can_look_for_makes_no_more_holes() -> None:
    books = Books().comes(*range(0, 2 * MOST_OPEN + 50, 2))
    assert len(books.holes) == MOST_OPEN
    books.comes(1)
    assert len(books.comes(books.highest + 2).holes) == MOST_OPEN + 1


@given(st.sets(st.integers(2, 40)), st.integers(0, 2**32))
def test_whatever_the_order_missing_is_what_did_not_come(lost: set[int], seed: int) -> None:
    sent = [n for n in range(2, 42) if n not in lost]
    Random(seed).shuffle(sent)
    came = [1, *sent]
    assert Books().comes(*came).missing() == sorted(n for n in lost if n < max(came))
