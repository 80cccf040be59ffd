"""How long one message of each format is read, beside one of our own."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import perf_counter

from intake.read import read
from model.reading import Feed
from tests.samples import SAMPLES, Sample, sample
from tests.services import SERVICES

OURS = "miso_edr_dispatch_new"
RUNS = 2_000
MOST_MICROSECONDS = 2_000
AT = datetime(2026, 7, 14, tzinfo=UTC)
ALARM = {
    "site": "FOUNDRY",
    "number": 17,
    "message": "Shed 19,226 kW",
    "kind": "SHED",
    "priority": 1,
    "at": 1784051921,
    "window": {"start": "2026-07-14T13:30", "end": 1784068200000},
    "amount": "19,226",
    "areas": ["4", 7],
}
MAPPING = {
    "event_id": "join('-', [site, to_string(number)])",
    "headline": "message",
    "message_type": "kind == 'CLEAR' && 'terminate' || 'new'",
    "severity": "priority < `2` && 'critical' || 'warning'",
    "issued_at": "at",
    "effective_at": "window.start",
    "ends_at": "window.end",
    "action": "kind == 'SHED' && 'reduce_load' || null",
    "target_mw": "amount",
    "target_unit": "'kW'",
    "zones": "areas[].{scheme: 'AREA', code: @}",
}


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
    took = _read(json.dumps(ALARM).encode(), {}, Feed(source="bench", format="mapping", mapping=MAPPING), AT)
    over = "  MORE THAN 2 ms" if took > MOST_MICROSECONDS else ""
    print(f"  {f'an alarm, {len(MAPPING)} expressions':38} {'mapping':13} {took:6.0f} µs  x {took / ours:4.1f}{over}")


def _microseconds(said: Sample) -> float:
    feed = Feed(source="bench", format=said.format, names=said.names)
    return _read(said.body, said.headers, feed, datetime.fromisoformat(said.given["received_at"]))


def _read(body: bytes, headers: Mapping[str, str], feed: Feed, at: datetime) -> float:
    return 1e6 * _fastest(lambda: read(body, headers, feed, at))


def _fastest(work: Callable[[], object]) -> float:
    """The others say what else the machine did."""
    took = []
    for _ in range(RUNS):
        began = perf_counter()
        work()
        took.append(perf_counter() - began)
    return min(took)
