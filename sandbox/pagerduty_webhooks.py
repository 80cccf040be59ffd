"""PagerDuty's webhooks v3, as far as somebody acknowledges: https://developer.pagerduty.com/docs/webhooks-overview."""

import json
from typing import Any
from uuid import uuid4

from sandbox.clock import Clock
from sandbox.courier import Answer, Courier
from sandbox.pagerduty import Alert, Alerts
from sandbox.settings import Settings

SITE = "https://acme.pagerduty.com"
API = "https://api.pagerduty.com"


class NoSuchAlert(LookupError):
    """No open alert has that key."""


class Webhooks:
    """The finger of a PagerDuty user; and PagerDuty, which also tells when the acknowledgement was its customer's."""

    def __init__(self, clock: Clock, settings: Settings, courier: Courier, alerts: Alerts) -> None:
        self._clock = clock
        self._settings = settings
        self._courier = courier
        self._alerts = alerts
        alerts.on_acknowledged = self._by_integration

    async def press(self, dedup_key: str, user: str | None = None) -> dict[str, Any]:
        """A user acknowledges. Return `{"status", "body", "webhook"}` of the customer's answer; status 0: none.

        Raises NoSuchAlert.
        """
        alert = self._alerts.open_with(dedup_key)
        if alert is None:
            raise NoSuchAlert(f"no open alert has the key {dedup_key}")
        person = user or self._settings.pagerduty_person
        self._alerts.acknowledged_by(alert, person)
        webhook = self.webhook(alert, _reference("user", "users", person, f"User {person}"))
        answer = await self._deliver(webhook)
        return {"status": answer.status, "body": answer.body, "webhook": webhook}

    def webhook(self, alert: Alert, agent: dict[str, Any] | None) -> dict[str, Any]:
        number = self._alerts.all.index(alert) + 1
        incident = f"PINC{number:04}"
        service = _reference("service", "services", "PSERVICE", "Grid events")
        return {
            "event": {
                "id": uuid4().hex.upper()[:26],
                "event_type": "incident.acknowledged",
                "resource_type": "incident",
                "occurred_at": self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "agent": agent,
                "client": None,
                "data": {
                    "id": incident,
                    "type": "incident",
                    "self": f"{API}/incidents/{incident}",
                    "html_url": f"{SITE}/incidents/{incident}",
                    "number": number,
                    "status": "acknowledged",
                    "incident_key": alert.dedup_key,
                    "created_at": self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
                    "title": alert.summary,
                    "service": service,
                    "assignees": [],
                    "escalation_policy": _reference("escalation_policy", "escalation_policies", "PPOLICY", "Default"),
                    "teams": [],
                    "priority": None,
                    "urgency": "high" if alert.severity in ("critical", "error") else "low",
                    "conference_bridge": None,
                    "resolve_reason": None,
                },
            }
        }

    def _by_integration(self, alert: Alert) -> None:
        """Our customer acknowledged by the Events API: the agent is the service."""
        if self._settings.pagerduty_webhook_url is not None:
            webhook = self.webhook(alert, _reference("service", "services", "PSERVICE", "Grid events"))
            self._courier.activity.spawn(self._tell(webhook), f"webhook of {alert.dedup_key}")

    async def _tell(self, webhook: dict[str, Any]) -> None:
        await self._deliver(webhook)

    async def _deliver(self, webhook: dict[str, Any]) -> Answer:
        url = self._settings.pagerduty_webhook_url
        if url is None:
            return Answer(0, "nobody subscribed")
        return await self._courier.pagerduty(url, str(uuid4()), json.dumps(webhook).encode())


def _reference(kind: str, path: str, name: str, summary: str) -> dict[str, Any]:
    return {
        "html_url": f"{SITE}/{path}/{name}",
        "id": name,
        "self": f"{API}/{path}/{name}",
        "summary": summary,
        "type": f"{kind}_reference",
    }
