"""Who may use which route: the one table. A route that is not in it is not served.

A role names whose keys open the route; what of it they see or send is their own business there: an upstream's key is
for its own source only, and numbers are masked for everybody but admins.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from app.problems import MEDIA_TYPE
from config.keys import Role


class Door(StrEnum):
    """Routes that ask for no key."""

    OPEN = "open"  # for machines that watch
    SIGNED = "signed"  # the vendor's signature is verified by the route
    ADDRESS = "address"  # which is a secret
    SENDER = "sender"  # a key or a source's signature: the route sees to it


Who = frozenset[Role] | Door

ANYBODY = frozenset(Role)
SENDERS = frozenset({Role.UPSTREAM, Role.ADMIN})
OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})

WHO: Mapping[str, Who] = {
    "GET /healthz": Door.OPEN,
    "GET /readyz": Door.OPEN,
    "GET /statusz": Door.OPEN,
    "GET /metrics": Door.OPEN,
    "GET /schemas/event.json": Door.OPEN,
    # The description of it all; made by the framework.
    "GET /docs": Door.OPEN,
    "HEAD /docs": Door.OPEN,
    "GET /docs/oauth2-redirect": Door.OPEN,
    "HEAD /docs/oauth2-redirect": Door.OPEN,
    "GET /openapi.json": Door.OPEN,
    "HEAD /openapi.json": Door.OPEN,
    "POST /callbacks/here": Door.OPEN,
    "POST /callbacks/twilio/voice/{attempt_id}/status": Door.SIGNED,
    "POST /callbacks/twilio/voice/{attempt_id}/amd": Door.SIGNED,
    "POST /callbacks/twilio/voice/{attempt_id}/key": Door.SIGNED,
    "POST /callbacks/twilio/sms/{attempt_id}/status": Door.SIGNED,
    "POST /callbacks/twilio/sms/inbound": Door.SIGNED,
    "POST /callbacks/twilio/ring/{ring_id}/status": Door.SIGNED,
    "POST /callbacks/twilio/ring/{ring_id}/amd": Door.SIGNED,
    "POST /callbacks/twilio/ring/{ring_id}/key": Door.SIGNED,
    "POST /callbacks/slack/actions": Door.SIGNED,
    "POST /callbacks/slack/commands": Door.SIGNED,
    "POST /callbacks/pagerduty": Door.SIGNED,
    "GET /calendars/{token}/calendar.ics": Door.ADDRESS,
    "GET /e/{token}": Door.ADDRESS,
    "POST /e/{token}": Door.ADDRESS,
    "GET /e/{token}/all": Door.ADDRESS,
    "POST /e/{token}/all": Door.ADDRESS,
    # Sending. The first three are bare ASGI (app/api/events_in.py) and see to it themselves.
    "POST /v1/events": frozenset({Role.UPSTREAM}),
    "POST /v2/enqueue": frozenset({Role.UPSTREAM}),  # its key is in the body
    "POST /v1/sources/{source}/events": SENDERS,
    "GET /v1/sources/{source}/events": Door.OPEN,  # says back what it is given: OpenADR servers ask before they send
    "GET /v1/sources/{source}/heartbeat": Door.SENDER,
    "HEAD /v1/sources/{source}/heartbeat": Door.SENDER,
    "POST /v1/sources/{source}/heartbeat": Door.SENDER,
    "GET /v1/ping/{token}": Door.ADDRESS,
    "HEAD /v1/ping/{token}": Door.ADDRESS,
    "POST /v1/ping/{token}": Door.ADDRESS,
    "GET /v1/deliveries/{delivery_id}": ANYBODY,
    "POST /v1/plans": ANYBODY,
    # Events.
    "GET /v1/events": ANYBODY,
    "GET /v1/events/{source}/{event_id:path}": ANYBODY,
    "POST /v1/events/{source}/{event_id:path}/reply": OPERATORS,
    "POST /v1/events/{source}/{event_id:path}/issuer-ack": OPERATORS,
    "GET /v1/reports/sla": ANYBODY,
    "GET /v1/silences": OPERATORS,
    "POST /v1/silences": OPERATORS,
    "DELETE /v1/silences/{silence_id}": OPERATORS,
    "GET /v1/live": ANYBODY,
    "WEBSOCKET /v1/live/ws": ANYBODY,
    "GET /v1/unreadable": OPERATORS,
    "GET /v1/unreadable/{unreadable_id}": OPERATORS,
    "PUT /v1/unreadable/{unreadable_id}": OPERATORS,
    "POST /v1/unreadable/{unreadable_id}/replay": OPERATORS,
    "POST /v1/unreadable/{unreadable_id}/dismiss": OPERATORS,
    # The roster, for reading.
    "GET /v1/coverage": OPERATORS,
    "GET /v1/oncall": OPERATORS,
    "GET /v1/people": OPERATORS,
    "GET /v1/people/{person_id}": OPERATORS,
    "GET /v1/people/{person_id}/load": OPERATORS,
    "GET /v1/people/{person_id}/calendar.ics": OPERATORS,
    "GET /v1/people/{person_id}/caller-card.vcf": OPERATORS,
    "GET /v1/people/{person_id}/ring": OPERATORS,
    "POST /v1/people/{person_id}/ring": OPERATORS,
    "GET /v1/people/{person_id}/calendar-link": OPERATORS,
    "POST /v1/people/{person_id}/calendar-link": OPERATORS,  # their own, others' for admins
    "DELETE /v1/people/{person_id}/calendar-link": OPERATORS,  # the same
    "POST /v1/people/{person_id}/methods/{channel}/code": OPERATORS,  # their own, others' for admins
    "POST /v1/people/{person_id}/methods/{channel}/verify": OPERATORS,  # the same
    "GET /v1/teams": OPERATORS,
    "GET /v1/teams/{team_id}": OPERATORS,
    "GET /v1/rotations": OPERATORS,
    "GET /v1/rotations/{rotation_id}": OPERATORS,
    "GET /v1/rotations/{rotation_id}/shifts": OPERATORS,
    "GET /v1/rotations/{rotation_id}/calendar.ics": OPERATORS,
    "GET /v1/rotations/{rotation_id}/calendar-link": OPERATORS,
    "POST /v1/rotations/preview": OPERATORS,
    "GET /v1/absences": OPERATORS,
    "GET /v1/policies": OPERATORS,
    "GET /v1/policies/{policy_id}": OPERATORS,
    "GET /v1/routes": OPERATORS,
    "GET /v1/routes/{route_id}": OPERATORS,
    "GET /v1/resources": OPERATORS,
    "GET /v1/resources/{scheme}/{code:path}": OPERATORS,
    "GET /v1/sources": OPERATORS,
    "GET /v1/sources/{source_id}": OPERATORS,
    "GET /v1/sources/{source_id}/ping-link": OPERATORS,
    "POST /v1/sources/{source_id}/ping-link": ADMINS,
    "DELETE /v1/sources/{source_id}/ping-link": ADMINS,
    "POST /v1/sources/{source_id}/maintenance": OPERATORS,
    "DELETE /v1/sources/{source_id}/maintenance": OPERATORS,
    "DELETE /v1/sources/{source_id}/maintenance/{maintenance_id}": OPERATORS,
    "GET /v1/maintenance": OPERATORS,
    # The roster, for changing.
    "GET /v1/audit": ADMINS,
    "GET /v1/roster": ADMINS,
    "PUT /v1/roster": ADMINS,
    "POST /v1/roster/plan": ADMINS,
    "GET /v1/keys": ADMINS,
    "POST /v1/keys": ADMINS,
    "GET /v1/keys/{key_id}": ADMINS,
    "POST /v1/keys/{key_id}/renew": ADMINS,
    "DELETE /v1/keys/{key_id}": ADMINS,
    "PUT /v1/people/{person_id}": ADMINS,
    "DELETE /v1/people/{person_id}": ADMINS,
    "PUT /v1/teams/{team_id}": ADMINS,
    "DELETE /v1/teams/{team_id}": ADMINS,
    "PUT /v1/rotations/{rotation_id}": ADMINS,
    "DELETE /v1/rotations/{rotation_id}": ADMINS,
    "POST /v1/rotations/{rotation_id}/calendar-link": ADMINS,
    "DELETE /v1/rotations/{rotation_id}/calendar-link": ADMINS,
    "POST /v1/rotations/{rotation_id}/overrides": ADMINS,
    "DELETE /v1/rotations/{rotation_id}/overrides/{override_id}": ADMINS,
    "POST /v1/rotations/{rotation_id}/swaps": ADMINS,
    "POST /v1/absences": ADMINS,
    "DELETE /v1/absences/{absence_id}": ADMINS,
    "PUT /v1/policies/{policy_id}": ADMINS,
    "DELETE /v1/policies/{policy_id}": ADMINS,
    "PUT /v1/routes/{route_id}": ADMINS,
    "DELETE /v1/routes/{route_id}": ADMINS,
    "PUT /v1/resources/{scheme}/{code:path}": ADMINS,
    "DELETE /v1/resources/{scheme}/{code:path}": ADMINS,
    "POST /v1/resources/import": ADMINS,
    "PUT /v1/sources/{source_id}": ADMINS,
    "POST /v1/sources/{source}/try": ADMINS,
    "DELETE /v1/sources/{source_id}": ADMINS,
}

# What every route that asks for a key may answer.
DENIED: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in {
        401: "No key, or a wrong one",
        403: "Not for keys of this role",
        422: "Cannot be read: `errors` names the fields",
        429: "This address was refused too often: Retry-After",
        503: "Not available now: Retry-After",
    }.items()
}


def who(method: str, path: str) -> Who:
    """`path`: the route's own, with names in brackets. Raises KeyError for a route that is not in the table."""
    return WHO[f"{method} {path}"]


def check(routes: Iterable[Any]) -> None:
    """Raises LookupError for the first route without an entry: it must not be served to everybody by mistake."""
    for route in routes:
        for method in getattr(route, "methods", None) or {"WEBSOCKET"}:
            if f"{method} {route.path}" not in WHO:
                raise LookupError(f"{method} {route.path} has no entry in app/access.py: who may use it?")
