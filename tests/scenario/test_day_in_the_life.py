"""The page that shows people what an event is like is what really happens."""

from pathlib import Path

from tests.scenario import day


async def test_the_page_tells_what_happened(tmp_path: Path) -> None:
    """Whoever changes words or times on purpose writes it anew: `python -m tests.scenario.day`."""
    assert await day.live(tmp_path) == day.PAGE.read_text()
