"""Statements that name no event find theirs: MISO's declarations, their changes and their ends."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.intake_door import read_message
from broker.base import Message, MessageKind
from model.event import Action, Event, EventStatus, MessageType, Mode, Phase, Severity
from model.roster import Policy, Roster, Source, Team
from model.route import Route
from routing.accept import Member, decide
from store import events
from store.database import Connection
from store.deliveries import Delivery, DeliveryState
from tests.databases import in_memory
from tests.unit.routing.house import CountingIds

START = datetime(2026, 7, 14, 18, 30, tzinfo=UTC)
BEFORE, AFTER = START - timedelta(minutes=30), START + timedelta(hours=1)
STEP_2 = "Max Gen Event Step 2 Declaration for Local Resource Zone 4. EDR Dispatch: resource {}, reduce {} MW."
OVER = "Max Gen Event Step 2 Termination for Local Resource Zone 4."
MESSAGE = {
    "source": "MISO",
    "destination": "ACME",
    "priority": 0,
    "text": STEP_2.format("ACME.F1", 12.5),
    "effectiveTime": "2026-07-14T13:30:00-05:00",
    "terminationTime": "2026-07-14T17:30:00-05:00",
}
HOUSE = Roster(
    teams={"ops": Team(id="ops", name="Operations")},
    policies={"default": Policy(id="default", steps=())},
    routes=(Route(id="rest", team="ops", policy="default"),),
    sources={name: Source(id=name, name=name, format="miso-mui") for name in ("miso", "other")},
)


class Upstream:
    """Sends MISO's messages, and looks at what became of them."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._ids = CountingIds()
        self._sent = 0

    def sends(self, at: datetime = AFTER, *, feed: str = "miso", test: str = "false", **changed: Any) -> Delivery:
        self._sent += 1
        body = json.dumps({"test": test, "notificationData": {"messages": [MESSAGE | changed]}}).encode()
        message = Message(
            id=f"m-{self._sent}",
            kind=MessageKind.EVENT,
            source=feed,
            format="miso-mui",
            lane=0,
            body=body,
            received_at=at,
            deliveries=(f"d-{self._sent}",),
        )
        (reading,) = read_message(message, HOUSE)
        delivery = decide(self.conn, Member(message, 0), reading, HOUSE, self._ids, at)
        assert delivery is not None
        return delivery

    def ends(self, at: datetime = AFTER, **changed: Any) -> Delivery:
        now = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        return self.sends(at, **{"text": OVER, "effectiveTime": now, "terminationTime": now} | changed)

    def event(self, delivery: Delivery) -> Event:
        assert delivery.event_pk is not None
        return events.load(self.conn, [delivery.event_pk])[delivery.event_pk]

    def open(self, source: str = "miso") -> Sequence[Event]:
        return events.open_of(self.conn, source)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    database = in_memory()
    with database.engine.connect() as conn, conn.begin() as transaction:
        yield Upstream(conn)
        transaction.rollback()
    database.engine.dispose()


def test_an_end_ends_what_it_is_about(upstream):
    begun = upstream.sends(BEFORE)
    over = upstream.ends()
    event = upstream.event(begun)
    assert over.event_id == begun.event_id
    assert (event.status, event.latest.number, event.content.program) == (EventStatus.TERMINATED, 2, "EDR")
    assert [r.code for r in event.content.resources] == ["ACME.F1"]


def test_before_its_start_it_is_cancelled(upstream):
    """The word in the text does not decide, the start of the event does."""
    begun = upstream.sends(BEFORE)
    upstream.ends(BEFORE + timedelta(minutes=5))
    event = upstream.event(begun)
    assert (event.status, event.content.message_type) == (EventStatus.CANCELLED, MessageType.CANCEL)
    assert (event.content.phase, event.content.effective_at) == (Phase.EVENT, START)
    assert (event.content.instruction.action, event.content.instruction.target_mw) == (Action.NONE, 0.0)


def test_the_same_end_again_is_a_duplicate(upstream):
    """Its event is over then, and it must not be taken for an end that fits nothing."""
    upstream.sends(BEFORE)
    first = upstream.ends()
    again = upstream.ends()
    assert (again.state, again.event_id, again.revision) == (DeliveryState.DUPLICATE, first.event_id, 2)
    late = upstream.sends(AFTER)
    assert (late.state, late.event_id, late.revision) == (DeliveryState.DUPLICATE, first.event_id, 1)


def test_it_ends_all_orders_of_its_step_and_zones(upstream):
    """Two sites were ordered down: both are released."""
    orders = [upstream.sends(BEFORE), upstream.sends(BEFORE, text=STEP_2.format("ACME.F2", 5))]
    assert len({order.event_id for order in orders}) == 2
    upstream.ends()
    assert {upstream.event(order).status for order in orders} == {EventStatus.TERMINATED}


def test_an_end_of_something_else_leaves_the_order_open_and_is_told(upstream):
    begun = upstream.sends(BEFORE)
    other = upstream.ends(
        text="The Max Gen Event Step 2 remains in effect for Local Resource Zone 4. The Max Gen Warning is cancelled."
    )
    assert upstream.event(begun).status is EventStatus.OPEN
    told = upstream.event(other)
    assert (told.status, told.content.needs_reading, told.severity) == (EventStatus.OPEN, True, Severity.CRITICAL)


@pytest.mark.parametrize(
    "changed",
    [
        {"text": OVER.replace("Step 2", "Step 3")},
        {"text": OVER.replace("Zone 4", "Zone 5")},
        {"destination": "SOMEBODY"},
        {"source": "miso"},  # whoever says it, by the letter
        {"text": f"OPERATOR DRILL. {OVER}", "test": "true"},
    ],
    ids=["step", "zone", "destination", "issuer", "drill"],
)
def test_an_end_that_fits_nothing_ends_nothing_and_is_told(upstream, changed):
    """People may be curtailing for something that we know by other words."""
    begun = upstream.sends(BEFORE)
    over = upstream.ends(**{"text": OVER} | changed)
    assert upstream.event(begun).status is EventStatus.OPEN
    told = upstream.event(over)
    assert (told.status, told.content.message_type) == (EventStatus.OPEN, MessageType.NEW)
    assert told.content.headline.startswith("No open event fits this: ")
    assert told.rings
    assert told.content.needs_reading
    assert told.content.phase is not Phase.TERMINATION


def test_another_source_has_events_of_its_own(upstream):
    begun = upstream.sends(BEFORE)
    upstream.ends(feed="other")
    assert upstream.event(begun).status is EventStatus.OPEN


def test_the_same_order_with_another_end_is_an_update(upstream):
    """MISO has no word for an extension: it sends the text again with a new terminationTime."""
    begun = upstream.sends(BEFORE)
    longer = upstream.sends(AFTER, terminationTime="2026-07-14T18:30:00-05:00")
    event = upstream.event(begun)
    assert (longer.event_id, longer.revision) == (begun.event_id, 2)
    assert event.content.message_type is MessageType.UPDATE
    assert event.latest.changes == ("EXTENDED to 18:30 EST",)
    assert event.latest.needs_answer


def test_another_order_of_the_same_step_is_an_event_of_its_own(upstream):
    upstream.sends(BEFORE)
    upstream.sends(AFTER, text=STEP_2.format("ACME.F1", 20))
    assert len(upstream.open()) == 2


def test_what_was_a_test_and_comes_again_for_real_needs_an_answer(upstream):
    """Same words, same identity: only the flag differs, and that makes all the difference."""
    tried = upstream.sends(BEFORE, test="true")
    real = upstream.sends(BEFORE)
    event = upstream.event(real)
    assert (real.event_id, real.revision) == (tried.event_id, 2)
    assert (event.content.mode, event.latest.needs_answer, event.answer_revision) == (Mode.ACTUAL, True, 2)
