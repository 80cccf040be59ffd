"""Errors of our own in dealing with one thing: it is put off, told and tried again, and all others go on."""

from datetime import datetime, timedelta

FIRST = timedelta(seconds=1)
DOUBLINGS = 6
LONGEST = FIRST * 2**DOUBLINGS


class Setbacks:
    """What is put off, in this process's memory: another one tries at once. `count`: all errors so far."""

    def __init__(self) -> None:
        self.count = 0
        self._put_off: dict[str, tuple[int, datetime]] = {}

    def again_at(self, what: str, now: datetime) -> datetime:
        """It went wrong once more: when to try again, twice as long after each time in a row."""
        times, _ = self._put_off.get(what, (0, now))
        at = now + FIRST * (1 << min(times, DOUBLINGS))
        self.count += 1
        self._put_off[what] = times + 1, at
        return at

    def over(self, what: str) -> None:
        self._put_off.pop(what, None)

    def open(self, now: datetime) -> int:
        """How many things are put off. What nobody has tried again for long is no longer ours, or no longer wanted."""
        self._put_off = {what: put for what, put in self._put_off.items() if now < put[1] + LONGEST}
        return len(self._put_off)
