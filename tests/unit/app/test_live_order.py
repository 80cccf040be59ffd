"""Numbers are handed out in order, also where transactions end in another order than they began."""

import pytest

from app.live import _Wait, ready
from store.timeline import Transactions

ALONE = Transactions(0, 0)


@pytest.mark.parametrize(
    ("numbers", "now", "wait", "expected"),
    [
        ([], ALONE, None, (0, None)),
        ([4, 5, 6], ALONE, None, (3, None)),
        ([4, 6], ALONE, None, (2, None)),  # one writer: 5 was deleted
        ([4, 6, 7], Transactions(90, 95), None, (1, _Wait(4, 95))),  # 5 may be in a transaction that runs
        ([5, 6], Transactions(90, 95), None, (0, _Wait(3, 95))),
        ([5, 6], Transactions(94, 99), _Wait(3, 95), (0, _Wait(3, 95))),  # one of that time still runs
        ([5, 6], Transactions(95, 99), _Wait(3, 95), (2, None)),  # it was rolled back
        ([4, 5, 6], Transactions(94, 99), _Wait(3, 95), (3, None)),  # it came
        ([4, 6], Transactions(95, 99), _Wait(3, 95), (1, _Wait(4, 99))),  # another one is missing now
        ([4, 6], Transactions(99, 99), None, (2, None)),  # nothing runs
    ],
)
def test_what_may_be_handed_out(numbers, now, wait, expected) -> None:
    assert ready(numbers, 3, now, wait) == expected
