"""What happened, as lines. Their hash tells whether two runs were the same; kept, they are read by people."""

import hashlib
from collections.abc import Callable


class Trace:
    """`kept` False: only the hash is made. `time` gives the seconds of the world."""

    def __init__(self, time: Callable[[], float], *, kept: bool = False) -> None:
        self.lines: list[str] = []
        self._time = time
        self._kept = kept
        self._hash = hashlib.sha256()

    def add(self, *words: object) -> None:
        line = f"{self._time():.6f} {' '.join(map(str, words))}"
        self._hash.update(line.encode())
        if self._kept:
            self.lines.append(_readable(line))

    @property
    def hash(self) -> str:
        return self._hash.hexdigest()[:16]


def _readable(line: str) -> str:
    at, _, said = line.partition(" ")
    minutes, seconds = divmod(float(at), 60)
    return f"{int(minutes):3d}:{seconds:06.3f}  {said}"
