"""What PagerDuty's webhooks v3 say: https://developer.pagerduty.com/docs/webhooks-overview. Pure.

Only an acknowledgement by a user is of interest: the agent of our own acknowledgement is a service, or nobody.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, Field

ACKNOWLEDGED = "incident.acknowledged"
USERS = ("user_reference", "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """`id` of the webhook's event, the same in each delivery of it; `alert`: the key by which we made the incident.

    PagerDuty leaves the key out (null) for some services: then `alert` is empty.
    """

    id: str
    alert: str
    incident: str
    at: datetime | None
    user: str
    name: str
    email: str


class _Agent(BaseModel):
    id: str = Field("", max_length=255)
    type: str = ""
    summary: str | None = None
    email: str | None = None


class _Incident(BaseModel):
    id: str = Field("", max_length=255)
    incident_key: str | None = None


class _Event(BaseModel):
    id: str = Field(min_length=1, max_length=255)
    event_type: str
    occurred_at: AwareDatetime | None = None
    agent: _Agent | None = None
    data: _Incident


class _Webhook(BaseModel):
    event: _Event


def acknowledged(body: bytes) -> Acknowledged | None:
    """None for everything else that PagerDuty tells. Raises ValueError for what is none of its webhooks."""
    event = _Webhook.model_validate_json(body).event
    agent = event.agent
    if event.event_type != ACKNOWLEDGED or agent is None or agent.type not in USERS:
        return None
    return Acknowledged(
        id=event.id,
        alert=event.data.incident_key or "",
        incident=event.data.id,
        at=event.occurred_at,
        user=agent.id,
        name=agent.summary or agent.id,
        email=agent.email or "",
    )
