"""The only source of time here. Handed over by whoever starts the stand-ins; a virtual one drives the tests."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Knows the time and how to wait for one."""

    def now(self) -> datetime:
        """Return the present, aware, in UTC."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Return when `at` is reached; at once when it has passed."""
        ...
