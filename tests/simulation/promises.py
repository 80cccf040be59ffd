"""Whom a plan promised a line in time was called, or the plan could not have known better. For runs without faults."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from model.plan import State
from model.roster import Policy, Roster
from store import timeline
from store.database import Connection
from tests.simulation.invariants import Known, Row, Watch

# Looks, claims and callbacks take their time; a plan is arithmetic.
SLACK = timedelta(seconds=3)
SLACK_OF_A_CALL = timedelta(seconds=1)


def broken(conn: Connection, watch: Watch, roster: Roster) -> Iterator[str]:
    """Every promise that was not kept, of events that had the lines to themselves."""
    for event_pk, event in watch.events.items():
        if _alone(watch, event_pk):
            for entry in timeline.of_event(conn, event_pk):
                reach = entry.body.get("reach") if entry.kind == "planned" else None
                if reach and watch.longest_call <= _reckoned(reach["call_length"]):
                    policy = roster.policies[event.policy]
                    yield from _not_called(watch, event_pk, event, policy, reach["calls"])


def _reckoned(length: dict[str, int]) -> int:
    """Seconds of a call by the plan: what past ones taught may be too little for tonight's."""
    return length["ring_seconds"] + length["call_seconds"]


def _alone(watch: Watch, event_pk: str) -> bool:
    """Calls of other events take lines, and one person's phone takes one call."""
    return all(row.event_pk == event_pk for row in watch.rows.values() if row.channel == "voice")


def _not_called(
    watch: Watch, event_pk: str, event: Known, policy: Policy, calls: list[dict[str, str]]
) -> Iterator[str]:
    revision = min(event.work_until)  # the plan of a new event; later ones stand in "revised"
    last = event.work_until[revision] - timedelta(
        seconds=policy.ring_seconds + policy.call_seconds + policy.dial_margin_seconds
    )
    # The plan's own row is a person's first; those of a reopening or in overtime were promised nothing by it.
    rows = {row.person: row for row in reversed(watch.rows.values()) if _is_call(row, event_pk, revision)}
    for number, call in enumerate(calls):
        row = rows.get(call["person"])
        slack = SLACK + number * SLACK_OF_A_CALL
        if row and row.state is State.EXPIRED and not row.claimed and _at(call) + slack <= last:
            yield f"{event.name}: {row.person} was promised a call by {_at(call)} and got none: {row}"


def _is_call(row: Row, event_pk: str, revision: int) -> bool:
    first = not row.redial  # for what comes after it no line is promised
    return first and (row.event_pk, row.channel, row.kind, row.revision) == (event_pk, "voice", "alert", revision)


def _at(call: dict[str, str]) -> datetime:
    return datetime.fromisoformat(call["start"])
