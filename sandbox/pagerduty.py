"""PagerDuty's Events API v2: https://developer.pagerduty.com/docs/send-alert-event.

A 202 proves no effect: acknowledge and resolve without an open alert under the same routing key are dropped.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from sandbox.clock import Clock
from sandbox.feed import Feed

ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")
MAX_BODY_BYTES = 512 * 1024
MAX_ALERTS = 10_000
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Alert:
    """One alert. A resolved one is closed for good: the same key opens another."""

    routing_key: str
    dedup_key: str
    status: Literal["triggered", "acknowledged", "resolved"]
    summary: str
    severity: str
    log: list[str]


class Alerts:
    """The alerts of every integration, oldest first. `per_minute`: what each takes in any minute, None without end."""

    def __init__(self, feed: Feed, clock: Clock, per_minute: int | None = None) -> None:
        self._feed = feed
        self._clock = clock
        self._per_minute = per_minute
        self._taken_at: dict[str, list[datetime]] = {}
        self.on_acknowledged: Callable[[Alert], None] | None = None  # by the customer, when nobody had
        self.all: list[Alert] = []
        self._open: dict[tuple[str, str], Alert] = {}

    def reset(self) -> None:
        self.all.clear()
        self._open.clear()
        self._taken_at.clear()

    def too_many(self, routing_key: str) -> bool:
        """One more than it takes of that key; what is refused does not count."""
        if self._per_minute is None:
            return False
        now = self._clock.now()
        taken = self._taken_at[routing_key] = [at for at in self._taken_at.get(routing_key, ()) if now - at < MINUTE]
        if len(taken) >= self._per_minute:
            return True
        taken.append(now)
        return False

    def take(self, event: dict[str, Any]) -> str:
        """Apply a valid event. Return its dedup key."""
        dedup_key = str(event.get("dedup_key") or uuid4().hex)
        alert = self._open.get((event["routing_key"], dedup_key))
        if event["event_action"] == "trigger":
            self._trigger(event, dedup_key, alert)
        elif alert is not None:
            self._settle(event, alert)
        return dedup_key

    def open_with(self, dedup_key: str) -> Alert | None:
        """The newest open alert of that key, whichever service it is of."""
        return next((alert for (_, key), alert in reversed(self._open.items()) if key == dedup_key), None)

    def acknowledged_by(self, alert: Alert, user: str) -> None:
        """A user of PagerDuty acknowledges it there."""
        alert.log.append(f"acknowledge by {user}")
        alert.status = "acknowledged"
        raw = {"dedup_key": alert.dedup_key, "effect": "acknowledged", "user": user}
        self._feed.add("pagerduty", masked(alert.routing_key), alert.summary, "pressed", raw)

    def show(self) -> list[dict[str, Any]]:
        return [asdict(alert) | {"routing_key": masked(alert.routing_key)} for alert in self.all]

    def _trigger(self, event: dict[str, Any], dedup_key: str, alert: Alert | None) -> None:
        payload = event["payload"]
        effect = "logged"
        if alert is None:
            effect = "opened"
            alert = Alert(event["routing_key"], dedup_key, "triggered", payload["summary"], payload["severity"], [])
            self._open[alert.routing_key, dedup_key] = alert
            self.all = [*self.all[-MAX_ALERTS + 1 :], alert]
        alert.log.append("trigger")
        self._tell(event, alert, effect)

    def _settle(self, event: dict[str, Any], alert: Alert) -> None:
        alert.log.append(event["event_action"])
        before = alert.status
        alert.status = "acknowledged" if event["event_action"] == "acknowledge" else "resolved"
        if alert.status == "resolved":
            del self._open[alert.routing_key, alert.dedup_key]
        self._tell(event, alert, alert.status)
        if (before, alert.status) == ("triggered", "acknowledged") and self.on_acknowledged is not None:
            self.on_acknowledged(alert)

    def _tell(self, event: dict[str, Any], alert: Alert, effect: str) -> None:
        key = masked(alert.routing_key)
        raw = event | {"routing_key": key, "dedup_key": alert.dedup_key, "effect": effect}
        text = event.get("payload", {}).get("summary", alert.summary)
        self._feed.add("pagerduty", key, text, event["event_action"], raw)


def mount(app: FastAPI, alerts: Callable[[Request], Alerts]) -> None:
    """Put PagerDuty under `/pagerduty`, and what it knows beside it. `alerts`: those of a request's world."""

    async def enqueue(request: Request) -> Response:
        body = await request.body()
        if len(body) > MAX_BODY_BYTES:
            return JSONResponse({"status": "invalid event", "message": "Event object exceeds size limit"}, 413)
        event, errors = _decoded(body)
        if errors:
            refusal = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            return JSONResponse(refusal, 400)
        here = alerts(request)
        if here.too_many(event["routing_key"]):
            return JSONResponse(
                {"status": "throttle exceeded", "message": "Requests for this service are too many"}, 429
            )
        dedup_key = here.take(event)
        return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": dedup_key}, 202)

    app.add_route("/pagerduty/v2/enqueue", enqueue, methods=["POST"], include_in_schema=False)

    @app.get("/pagerduty/alerts")
    async def show(request: Request) -> dict[str, Any]:
        return {"alerts": alerts(request).show()}


def masked(routing_key: str) -> str:
    return "*" * (len(routing_key) - 4) + routing_key[-4:]


def _decoded(body: bytes) -> tuple[dict[str, Any], list[str]]:
    try:
        event = json.loads(body)
    except ValueError:
        return {}, ["JSON cannot be parsed"]
    if not isinstance(event, dict):
        return {}, ["JSON is not an object"]
    return event, problems(event)


def problems(event: dict[str, Any]) -> list[str]:
    """Return what is wrong with an event, in PagerDuty's manner; empty when it is valid."""
    action, key, dedup_key = event.get("event_action"), event.get("routing_key"), event.get("dedup_key")
    found = []
    if not isinstance(key, str) or len(key) != 32:
        found.append("'routing_key' is missing or is not 32 characters")
    if action not in ACTIONS:
        found.append("'event_action' must be one of trigger, acknowledge, resolve")
    if dedup_key is not None and (not isinstance(dedup_key, str) or len(dedup_key) > 255):
        found.append("'dedup_key' is longer than 255 characters")
    if action in ("acknowledge", "resolve") and not dedup_key:
        found.append("'dedup_key' is missing or blank")
    return found + (_payload_problems(event.get("payload")) if action == "trigger" else [])


def _payload_problems(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or is not an object"]
    found = []
    summary = payload.get("summary")
    if not isinstance(summary, str) or not 1 <= len(summary) <= 1024:
        found.append("'payload.summary' is missing or is longer than 1024 characters")
    if not isinstance(payload.get("source"), str) or not payload["source"]:
        found.append("'payload.source' is missing or blank")
    if payload.get("severity") not in SEVERITIES:
        found.append("'payload.severity' must be one of critical, error, warning, info")
    return found
