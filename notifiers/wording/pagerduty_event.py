"""The `payload` of a PagerDuty event: the headline for people, the canonical data for machines."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from model.event import Content, Event, Revision
from model.plan import ChannelName, Notification
from notifiers.wording.clean import clean, shorten
from notifiers.wording.context import WordingContext
from notifiers.wording.facts import Facts, revision_of

SUMMARY_CHARS = 1024
PAYLOAD_BYTES = 400_000  # PagerDuty takes 512 KB of the whole event


def payload(n: Notification, event: Event, f: Facts, ctx: WordingContext, summary: str) -> dict[str, Any]:
    """Events v2 (vendors.md section 8). The plan's severity goes first: alerts for the record start at info."""
    revision = revision_of(n, event)
    made: dict[str, Any] = {
        "summary": shorten(summary, SUMMARY_CHARS),
        "source": clean(ctx.source.name or event.source, 200),
        "severity": str(n.details.get("severity", revision.content.severity)),
        "timestamp": (revision.content.issued_at or revision.received_at).isoformat(),
        "component": f.site,
        "group": f.team or event.team,
        "class": f.who,
        "custom_details": canonical(event, revision) | ({"alike": ctx.alike} if ctx.alike else {}),
    }
    if n.channel is ChannelName.PAGERDUTY and len(json.dumps(made)) > PAYLOAD_BYTES:
        made["custom_details"] = _counted(made["custom_details"])
    return {key: value for key, value in made.items() if value != ""}


def _counted(details: Mapping[str, Any]) -> dict[str, Any]:
    """Without each zone and resource: how many there are."""
    lists = ("zones", "resources")
    return {k: v for k, v in details.items() if k not in lists} | {f"{k}_count": len(details[k]) for k in lists}


def canonical(event: Event, revision: Revision) -> dict[str, Any]:
    """The revision as JSON data in the fields' own names."""
    content = revision.content
    instruction = content.instruction
    return {
        "event_id": event.event_id,
        "revision": revision.number,
        "received_at": revision.received_at.isoformat(),
        **_said(content),
        "instruction": {
            "action": instruction.action,
            "target_mw": instruction.target_mw,
            "target_kind": instruction.target_kind,
            "mandatory": instruction.mandatory,
        },
        "zones": [{"scheme": z.scheme, "code": z.code} for z in content.zones],
        "resources": [{"scheme": r.scheme, "code": r.code, "target_mw": r.target_mw} for r in content.resources],
        "changes": list(revision.changes),
    }


def _said(content: Content) -> dict[str, Any]:
    plain = ("message_type", "mode", "issuer", "program", "phase", "phase_detail", "nerc_eea", "severity")
    times = ("issued_at", "effective_at", "ends_at", "ack_due_at")
    rest = ("end_kind", "headline", "text", "contact", "source_timezone")
    return {
        **{name: getattr(content, name) for name in plain},
        **{name: _iso(getattr(content, name)) for name in times},
        **{name: getattr(content, name) for name in rest},
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
