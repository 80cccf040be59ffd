"""How long one message of each format is read, beside one of our own."""

from collections.abc import Callable
from datetime import datetime
from time import perf_counter

from intake.read import read
from model.reading import Feed
from tests.samples import SAMPLES, Sample, sample
from tests.services import SERVICES

OURS = "miso_edr_dispatch_new"
RUNS = 2_000
MOST_MICROSECONDS = 2_000


async def run() -> None:
    folder = SERVICES["samples"].find()
    if folder is None or isinstance(folder, str):
        print(f"formats: NOT RUN, no samples: {SERVICES['samples'].remedy}")
        return
    ours = _microseconds(sample(folder, OURS))
    print(
        f"reading a message, the fastest of {RUNS}; times that of our own format ({ours:.0f} µs) for each event in it"
    )
    for name in SAMPLES:
        said = sample(folder, name)
        took = _microseconds(said)
        over = "  MORE THAN 2 ms" if took > MOST_MICROSECONDS else ""
        print(f"  {name:38} {said.format:13} {took:6.0f} µs  x {took / len(said.expected) / ours:4.1f}{over}")


def _microseconds(said: Sample) -> float:
    feed = Feed(source="bench", format=said.format, names=said.names)
    at = datetime.fromisoformat(said.given["received_at"])
    return 1e6 * _fastest(lambda: read(said.body, said.headers, feed, at))


def _fastest(work: Callable[[], object]) -> float:
    """The others say what else the machine did."""
    took = []
    for _ in range(RUNS):
        began = perf_counter()
        work()
        took.append(perf_counter() - began)
    return min(took)
