"""How long one message of each format is read, and how many are taken in a second, beside one of our own."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

from app.intake_door import Door, Posted
from app.notebook import Notebook
from app.security import DeliveryIds
from app.stores import open_stores
from config.settings import load_settings
from intake.read import read
from model.clock import SystemClock
from model.ids import SystemIds
from model.reading import NO_NAMES, Feed, Names
from model.roster import Policy, Roster, Source
from model.route import Route
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
PAGE = {
    "routing_key": "0123456789abcdef0123456789abcdef",
    "event_action": "trigger",
    "dedup_key": "foundry/17",
    "payload": {
        "summary": "Meter of Foundry 1 is silent",
        "source": "scada",
        "severity": "critical",
        "timestamp": "2026-07-14T13:30:00-05:00",
        "custom_details": {"site": "Foundry 1", "minutes": 10},
    },
}
TAKEN = (
    OURS,
    "cloudevents_structured",
    "alertmanager_webhook_v4",
    "cap12_alert",
    "miso_mui_emergency_step2",
    "openadr3_notification_create",
)
ROUNDS = 7
POSTS = 320  # in each round
AT_ONCE = 32


class Message(NamedTuple):
    """What is measured: a message of a source of that format."""

    name: str
    format: str
    body: bytes
    headers: Mapping[str, str]
    names: Names = NO_NAMES
    mapping: Mapping[str, str] = MAPPING

    @property
    def source(self) -> Source:
        given: dict[str, Any] = {"mapping": self.mapping} if self.format == "mapping" else {}
        return Source(id=self.name.replace("_", "-"), name=self.name, format=self.format, names=self.names, **given)


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
    for name, format, body in OWN:
        feed = Feed(source="bench", format=format, mapping=MAPPING if format == "mapping" else {})
        took = _read(body, {}, feed, AT)
        over = "  MORE THAN 2 ms" if took > MOST_MICROSECONDS else ""
        print(f"  {name:38} {format:13} {took:6.0f} µs  x {took / ours:4.1f}{over}")
    await _taken_in(folder)


OWN = (
    (f"an alarm, {len(MAPPING)} expressions", "mapping", json.dumps(ALARM).encode()),
    ("a page", "pagerduty", json.dumps(PAGE).encode()),
)


# --- taken in: read, made durable, answered -------------------------------------------------------------------------


async def _taken_in(folder: Path) -> None:
    """By the door, without HTTP. Round by round, so that a drifting machine drifts for all."""
    messages = [
        Message(name, said.format, said.body, said.headers, said.names)
        for name in TAKEN
        for said in [sample(folder, name)]
    ]
    json_ = {"content-type": "application/json"}
    messages += [Message(name.split(",")[0].replace(" ", "-"), format, body, json_) for name, format, body in OWN]
    policy = Policy(id="p", steps=())
    sources = {message.source.id: message.source for message in messages}
    roster = Roster(sources=sources, policies={"p": policy}, routes=(Route(id="r", team="t", policy="p"),))
    rates: dict[str, list[float]] = {message.name: [] for message in messages}
    with TemporaryDirectory() as place:
        clock = SystemClock()
        stores = open_stores(load_settings(data_dir=Path(place)), clock)
        door = Door(stores.broker, clock, SystemIds(), DeliveryIds(b"0" * 32), Notebook(stores.database, clock))
        for _ in range(ROUNDS):
            for message in messages:
                rates[message.name].append(await _rate(door, message, roster))
        await stores.broker.close()
        await stores.database.close()
    ours = rates[OURS]
    print(f"\ntaken in, {AT_ONCE} at once, {ROUNDS} rounds: read, durable in the embedded queue, answered; no HTTP")
    for message in messages:
        ratios = sorted(rate / own for rate, own in zip(rates[message.name], ours, strict=True))
        spread = f"{median(ratios):.2f} of ours ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(f"  {message.name:38} {message.format:13} {median(rates[message.name]):6.0f} a second  {spread}")


async def _rate(door: Door, message: Message, roster: Roster) -> float:
    """Posts a second."""
    posted = Posted(message.body, dict(message.headers), "bench", "r", proof="bench")

    async def one() -> None:
        for _ in range(POSTS // AT_ONCE):
            door.answers(await door.accept(posted, message.source.id, None, roster))

    began = perf_counter()
    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return POSTS / (perf_counter() - began)


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
