"""The JSON shapes of the roster's nouns. PagerDuty's keys are in none of them. Pure."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from app.api.instants import iso
from app.masking import masked
from app.roster_diff import absence_id, override_id
from heartbeat.hearing import Standing
from model.monitor import Maintenance, Monitor, MonitorStatus
from model.reading import Named
from model.roster import Counts, Heartbeat, Person, Source, Team
from model.rota import Absence, Layer, Override, Rotation, Shift, Span
from model.trust import Proof, Trust
from model.upstream import History
from routing.audience import is_awake
from routing.on_call import gaps, shifts


def person(found: Person, now: datetime, *, whole: bool, verified: Collection[str] | None = None) -> dict[str, Any]:
    """`whole`: addresses as they are, else masked. `verified`: those that are; None: nobody can say now."""
    return {
        "id": found.id,
        "name": found.name,
        "timezone": found.timezone,
        "language": found.language,
        "awake_hours": {"start": f"{found.awake.start:%H:%M}", "end": f"{found.awake.end:%H:%M}"},
        "awake": is_awake(found, now),
        "methods": [
            {
                "channel": str(m.channel),
                "address": m.address if whole else masked(m.channel, m.address),
                "verified": None if verified is None else m.address in verified,
            }
            for m in found.methods
        ],
        "pagerduty_user": found.pagerduty_user,
        "handoff_reminder": found.handoff_reminder,
    }


def team(found: Team) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "slack_channel": found.slack_channel,
        "slack_test_channel": found.slack_test_channel,
        "pagerduty": {"mode": str(found.pagerduty.mode)} if found.pagerduty else None,
    }


def override(found: Override) -> dict[str, Any]:
    return {
        "id": override_id(found),
        "action": str(found.action),
        "person": found.person,
        "replaces": found.replaces,
        "from": iso(found.start),
        "to": iso(found.end),
    }


def absence(found: Absence) -> dict[str, Any]:
    return {"id": absence_id(found), "person": found.person, "from": iso(found.start), "to": iso(found.end)}


def rotation(found: Rotation) -> dict[str, Any]:
    """As the preview takes it, with its id, name and team."""
    return {
        "id": found.id,
        "name": found.name,
        "team": found.team,
        "timezone": found.timezone,
        "layers": [_layer(layer) for layer in found.layers],
    }


def _layer(found: Layer) -> dict[str, Any]:
    return {
        "name": found.name,
        "participants": [list(turn) for turn in found.participants],
        "shift": {"unit": str(found.shift.unit), "count": found.shift.count},
        "starts_at": found.starts_at.isoformat(),
        "ends_at": found.ends_at.isoformat() if found.ends_at else None,
        "restrictions": [
            {"days": [str(day) for day in r.days], "from": f"{r.start:%H:%M}", "to": f"{r.end:%H:%M}"}
            for r in found.restrictions
        ],
        "priority": found.priority,
    }


def covered(found: tuple[Span, ...]) -> dict[str, Any]:
    """`{"shifts", "gaps"}` of a window."""
    return {
        "shifts": [shift(s) for s in shifts(found)],
        "gaps": [{"from": iso(g.start), "to": iso(g.end)} for g in gaps(found)],
    }


def shift(found: Shift) -> dict[str, Any]:
    return {
        "person": found.person,
        "from": iso(found.start),
        "to": iso(found.end),
        "layer": found.duty.layer,
        "override": found.duty.override,
    }


def maintenance(window: Maintenance, now: datetime) -> dict[str, Any]:
    """`active`: it runs; else it is to come."""
    return {
        "id": window.id,
        "source": window.source,
        "from": iso(window.since),
        "until": iso(window.until),
        "reason": window.reason,
        "author": window.author,
        "active": window.runs(now),
    }


def source(
    found: Source,
    monitor: Monitor | None,
    heard_at: datetime | None,
    standing: Standing | None,
    windows: Sequence[Maintenance],
    now: datetime,
) -> dict[str, Any]:
    """`heard_at`: what this process heard and may not have written down yet. `standing` None: nobody minds it."""
    written = monitor.last_seen_at if monitor else None
    last_seen = max((at for at in (written, heard_at) if at), default=None)
    status = monitor.status if monitor else MonitorStatus.UP if heard_at else MonitorStatus.NEW
    return {
        "id": found.id,
        "name": found.name,
        "format": found.format,
        "timezone": found.timezone,
        "critical": found.critical,
        "also_confirm": found.also_confirm or None,
        "issuer_ack": found.issuer_ack,
        "senders": {word: _stands_for(named) for word, named in found.names.senders.items()},
        "programs": {word: _stands_for(named) for word, named in found.names.programs.items()},
        "targets": {word: {"scheme": zone.scheme, "code": zone.code} for word, zone in found.names.targets.items()},
        "trust": _trust(found.trust),
        "rate": {"per_second": found.limit.per_second, "burst": found.limit.burst} if found.limit else None,
        "mapping": dict(found.mapping) or None,
        "history": _history(found.history) if found.history else None,
        "callback": {"url": found.callback.url, "secret": found.callback.secret} if found.callback else None,
        "numbered": {"by": str(found.numbered.by), "wait_seconds": found.numbered.wait_seconds}
        if found.numbered
        else None,
        "group_by": list(found.group_by),
        "group_window_seconds": found.group_window_seconds,
        "heartbeat": _heartbeat(found.heartbeat) if found.heartbeat else None,
        "monitor": {
            "status": str(standing.status if standing else status),
            "last_seen_at": iso(last_seen),
            "late_at": iso(standing.late_at if standing else None),
            "silent_at": iso(standing.silent_at if standing else None),
            "silence_id": monitor.silence_id if monitor else None,
        },
        "maintenance": [maintenance(window, now) for window in windows],
    }


def _trust(trust: Trust) -> dict[str, Any]:
    """`secrets` are names of secrets."""
    signature = {"header": trust.header, "algorithm": str(trust.algorithm), "encoding": str(trust.encoding)}
    return {
        "by": str(trust.by),
        "secrets": list(trust.secrets),
        "hmac": signature | {"prefix": trust.prefix} if trust.by is Proof.HMAC else None,
        "addresses": list(trust.addresses),
    }


def _heartbeat(minded: Heartbeat) -> dict[str, Any]:
    expected: dict[str, Any] = {"period_seconds": minded.period_seconds}
    if minded.cron:
        expected = {"cron": minded.cron, "timezone": minded.timezone}
    counts = list(map(str, minded.kinds)) if minded.counts is Counts.KINDS else str(minded.counts)
    return expected | {"grace_seconds": minded.grace_seconds, "counts": counts}


def _history(history: History) -> dict[str, Any]:
    return {"url": history.url, "participant": history.participant, "every_seconds": history.every_seconds}


def _stands_for(named: Named) -> dict[str, str]:
    return {"issuer": named.issuer, "program": named.program, "mode": str(named.mode)}
