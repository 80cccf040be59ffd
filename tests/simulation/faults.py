"""Which faults strike, and how many did. In the calm at the end none does any more."""

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from tests.simulation.mix import Mix


class Window(NamedTuple):
    """From when until when something is down, in seconds of the world; `who`: "database" or a vendor."""

    who: str
    begin: float
    end: float


class Faults:
    """`crash` is called where the mix wants the process to die."""

    def __init__(self, mix: Mix, seed: int, loop: asyncio.AbstractEventLoop, crash: Callable[[str], None]) -> None:
        self.count: Counter[str] = Counter()
        self.calm = False
        self.noted: Callable[[str], None] = lambda name: None
        self._mix = mix
        self._random = Random(f"{seed}/crash")
        self._loop = loop
        self._crash = crash
        self._crashes_left = mix.crashes
        self.windows = self._windows(Random(f"{seed}/windows"))

    def _windows(self, random: Random) -> list[Window]:
        def window(who: str, longest: float) -> Window:
            begin = random.uniform(0, self._mix.seconds + 60)
            return Window(who, begin, begin + random.uniform(1, longest))

        found = [window("database", 45) for _ in range(self._mix.database_outages)]
        vendors = ("twilio", "slack", "pagerduty")
        return [*found, *(window(random.choice(vendors), 240) for _ in range(self._mix.vendor_outages))]

    def strikes(self, random: Random, chance: float, name: str) -> bool:
        """Draw; a fault that strikes is counted."""
        if chance <= 0 or self.calm or random.random() >= chance:
            return False
        self.struck(name)
        return True

    def struck(self, name: str) -> None:
        self.count[name] += 1
        self.noted(name)

    def down(self, who: str) -> bool:
        now = self._loop.time()
        if self.calm or not any(w.who == who and w.begin <= now < w.end for w in self.windows):
            return False
        self.struck(f"{who}: down")
        return True

    def database_away(self) -> bool:
        return bool(self._mix.database_outages) and self.down("database")

    def may_crash(self, where: str) -> None:
        """Perhaps the process ends here; then this raises Killed by its fence."""
        if self._crashes_left and self.strikes(self._random, self._mix.crash, f"crash {where}"):
            self._crashes_left -= 1
            self._crash(where)
