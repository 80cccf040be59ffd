"""PagerDuty's key of an alert leads back to the event and to the revision that it asks for."""

from hypothesis import given
from hypothesis import strategies as st

from routing import planner
from routing.alerts import revision_of
from tests.unit.routing.house import event, revision


def test_record_and_raised_alert_ask_the_same_question() -> None:
    """Revision 2 asks nothing new: it has no alert of its own."""
    of = event(revision(1), revision(2, needs_answer=False), revision(3))
    keys = [planner.dedup_key(of, number) for number in range(7)]
    assert [revision_of(of, key) for key in keys] == [None, 1, 1, 3, 3, None, None]


def test_the_alert_of_an_event_that_is_open_again_asks_it_too() -> None:
    of = event(revision(1), revision(2))
    numbers = [1001, 2001, 1003, 5004]
    assert [revision_of(of, planner.dedup_key(of, number)) for number in numbers] == [1, 1, 2, 2]


@given(st.text(min_size=1, max_size=300), st.integers(1, 4))
def test_any_name_leads_back(name: str, number: int) -> None:
    """Also one so long that its key is a hash, and one that looks like a key itself."""
    of = event(revision(1), revision(2), event_id=name)
    assert revision_of(of, planner.dedup_key(of, number)) == (number + 1) // 2
