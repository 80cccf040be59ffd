"""Events to try things with, as an upstream would send them, with times counted from `now`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

EST = timezone(timedelta(hours=-5))  # MISO's clock, all year
TARGET_MW = 12.5


def example(
    kind: str, now: datetime, event_id: str, *, revision: int | None = None, speed: str = "normal"
) -> dict[str, Any]:
    """A bare canonical event of `kind` edr, update, cancel, terminate, drill or bad. Raises KeyError for another.

    `speed` "fast": without ack_due_at, for a source whose policy alone sets the deadline.
    """
    event = KINDS[kind](_edr(now.replace(microsecond=0), event_id), now.replace(microsecond=0))
    if revision is not None:
        event["revision"] = revision
    if speed == "fast":
        event["ack_due_at"] = None
    return event


def _edr(now: datetime, event_id: str) -> dict[str, Any]:
    start, end = now + timedelta(minutes=30), now + timedelta(hours=4, minutes=30)
    return {
        "event_id": event_id,
        "revision": 1,
        "message_type": "new",
        "mode": "actual",
        "issuer": "MISO",
        "program": "EDR",
        "phase": "event",
        "phase_detail": "Max Gen Event Step 2",
        "nerc_eea": 2,
        "severity": "critical",
        "issued_at": _utc(now),
        "effective_at": _utc(start),
        "ends_at": _utc(end),
        "end_kind": "until_released",
        "ack_due_at": _utc(now + timedelta(minutes=10)),
        "instruction": {"action": "reduce_load", "target_mw": TARGET_MW, "target_kind": "relative", "mandatory": True},
        "zones": [{"scheme": "MISO-LRZ", "code": "4"}],
        "resources": [{"scheme": "MISO-EPNODE", "code": "ACME.FOUNDRY1", "target_mw": TARGET_MW}],
        "headline": f"MISO EDR: cut {TARGET_MW} MW by {_est(start)}, zone 4",
        "text": f"MISO Max Gen Event Step 2. Reduce {TARGET_MW} MW no later than {_est(start)}, "
        f"hold until released (scheduled {_est(end)}).",
        "contact": "MISO Client Relations",
        "source_timezone": "Etc/GMT+5",
    }


def _update(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    end = now + timedelta(hours=5, minutes=30)
    return event | {
        "revision": 2,
        "message_type": "update",
        "ends_at": _utc(end),
        "headline": f"MISO EDR EXTENDED: hold {TARGET_MW} MW to {_est(end)}",
        "text": f"Extended one hour. Hold {TARGET_MW} MW until released (scheduled {_est(end)}).",
    }


def _cancel(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    return event | {
        "revision": 2,
        "message_type": "cancel",
        "instruction": {"action": "none", "target_mw": 0.0, "target_kind": "relative", "mandatory": False},
        "headline": "MISO EDR CANCELLED before start: take no action",
        "text": "Dispatch cancelled before its start. Do not reduce.",
    }


def _terminate(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    return event | {
        "revision": 2,
        "message_type": "terminate",
        "phase": "termination",
        "severity": "warning",
        "effective_at": _utc(now),
        "ends_at": _utc(now),
        "instruction": {"action": "release", "target_mw": 0.0, "target_kind": "relative", "mandatory": False},
        "headline": f"MISO EDR RELEASED: return to normal from {_est(now)}",
        "text": f"Event terminated {_est(now)}. Resources released.",
    }


def _drill(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    return event | {
        "mode": "drill",
        "severity": "info",
        "headline": f"DRILL - MISO EDR drill, cut {TARGET_MW} MW by {event['headline'].split(' by ')[1]}",
        "text": "DRILL. This is an operator drill. Take no action on load. DRILL.",
    }


def _bad(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    """What a first attempt often looks like: a timestamp without offset, and no headline."""
    naive = event["effective_at"].removesuffix("Z")
    return {name: value for name, value in event.items() if name != "headline"} | {"effective_at": naive}


KINDS: dict[str, Callable[[dict[str, Any], datetime], dict[str, Any]]] = {
    "edr": lambda event, now: event,
    "update": _update,
    "cancel": _cancel,
    "terminate": _terminate,
    "drill": _drill,
    "bad": _bad,
}


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _est(at: datetime) -> str:
    return at.astimezone(EST).strftime("%H:%M EST")
