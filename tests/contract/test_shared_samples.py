"""Every sample of the formats we read, read and placed exactly as is written beside it.

The samples stand beside the project, in ../shared/samples; its README says what each of them is and by which
conventions it is read.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.intake_door import read_message
from broker.base import Message, MessageKind
from model.event import Content
from model.roster import Policy, Roster, Source, Team
from model.route import Route
from routing.accept import Member, decide
from store import events
from store.database import Connection, InlineDatabase
from tests.databases import in_memory
from tests.samples import SAMPLES, Sample, sample
from tests.unit.routing.house import CountingIds

# Read by formats that come later, or no events at all.
NOT_READ = (
    "ercot_daily_prc_eea2_style",
    "ercot_ews_event_notify",
    "ieee2030_5_enddevicecontrol",
    "ieso_spec155_newdispatches_fields",
    "openadr2b_oadrCreatedEvent_ack",
    "openadr2b_oadrDistributeEvent",
    "openadr3_subscription",
    "standard_webhooks_vectors",
)
TIMES = ("issued_at", "effective_at", "ends_at")


@pytest.fixture(scope="module")
def database() -> InlineDatabase:
    return in_memory()


def test_every_sample_is_read_or_said_not_to_be(samples: Path) -> None:
    """A sample that somebody adds is not overlooked."""
    assert {path.stem for path in samples.iterdir() if path.suffix in (".json", ".xml", ".http")} == {
        *SAMPLES,
        *NOT_READ,
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_reads_and_is_placed_as_expected(name: str, samples: Path, database: InlineDatabase) -> None:
    expected = sample(samples, name).expected
    given = expected[0]["_given"]
    found = placed(database, samples, [*given.get("after", []), name])
    assert [told(content, wanted) for content, wanted in zip(found, expected, strict=True)] == [
        {key: value for key, value in wanted.items() if key != "_given"} for wanted in expected
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_sent_twice_is_a_duplicate(name: str, samples: Path, database: InlineDatabase) -> None:
    """Whatever the format calls it: the same again changes nothing and calls nobody."""
    after = sample(samples, name).given.get("after", [])
    once = placed(database, samples, [*after, name])
    assert placed(database, samples, [*after, name, name]) == once


def message(said: Sample, number: int) -> tuple[Message, Roster]:
    """The sample as the door publishes it, and the roster whose source speaks its format."""
    return Message(
        id=f"m-{number}",
        kind=MessageKind.EVENT,
        source="s",
        format=said.format,
        lane=0,
        body=said.body,
        headers=said.headers,
        received_at=datetime.fromisoformat(said.given["received_at"]),
        deliveries=tuple(f"d-{number}-{index}" for index in range(len(said.expected))),
    ), Roster(
        teams={"ops": Team(id="ops", name="Operations")},
        policies={"default": Policy(id="default", steps=())},
        routes=(Route(id="rest", team="ops", policy="default"),),
        sources={"s": Source(id="s", name="S", format=said.format, names=said.names)},
    )


def placed(database: InlineDatabase, samples: Path, names: Sequence[str]) -> list[tuple[str, int, Content]]:
    """What the last of the samples came to, after the others were accepted: event, revision and content of each."""
    ids = CountingIds()

    def work(conn: Connection) -> list[tuple[str, int, Content]]:
        found = []
        for number, name in enumerate(names):
            said, house = message(sample(samples, name), number)
            found = [
                decide(conn, Member(said, index), reading, house, ids, said.received_at)
                for index, reading in enumerate(read_message(said, house))
            ]
        revisions = []
        for delivery in found:
            assert delivery is not None
            assert delivery.event_pk is not None, delivery.detail
            event = events.load(conn, [delivery.event_pk])[delivery.event_pk]
            number = delivery.revision or 0
            revisions.append((event.event_id, number, event.revision(number).content))
        return revisions

    with database.engine.connect() as conn, conn.begin() as transaction:
        found = work(conn)
        transaction.rollback()
    return found


def told(found: tuple[str, int, Content], wanted: dict[str, Any]) -> dict[str, Any]:
    """The fields that are written down for the sample."""
    event_id, revision, content = found
    said = {
        "event_id": event_id if wanted["event_id"] is not None else None,  # null: the receiver gives one
        "revision": revision,
        "action": content.instruction.action,
        "target_mw": content.instruction.target_mw,
        "zones": [{"scheme": zone.scheme, "code": zone.code} for zone in content.zones],
    }
    said |= {name: _utc(getattr(content, name), wanted[name]) for name in TIMES}
    return {name: said.get(name, getattr(content, name, None)) for name in wanted if name != "_given"}


def _utc(at: datetime | None, written: str | None) -> str | None:
    """As the sample writes it, when it is that instant."""
    return written if written and at == datetime.fromisoformat(written) else at and at.isoformat()
