"""`make crash EVENTS=500 RATE=20` tells it small; without a wish it is 5,000 events at 100 a second."""

import os
from pathlib import Path

import pytest

from tests.crash.cluster import Servers
from tests.crash.story import tell

EVENTS = int(os.environ.get("EVENTS") or 5000)
RATE = float(os.environ.get("RATE") or 100)


@pytest.mark.brief
@pytest.mark.timeout(900)
def test_a_storm_in_which_everything_dies_once(
    crash_servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing accepted is lost, no phone rings twice for one call, no deadline is missed; how long people waited."""
    figures = tell(tmp_path / "story", crash_servers, EVENTS, RATE, wait_seconds=400)
    with capsys.disabled():
        print(f"\n{EVENTS} events at {RATE:g}/s, 2 api, 2 router, 2 notifier, 1 monitor")
        print("\n".join(f"  {line}" for line in figures.lines()))
    assert figures.books.accepted == EVENTS
    assert figures.missed == 0
    assert figures.waits(figures.during_the_stop), "the trouble came too late: nothing was offered during the stop"
