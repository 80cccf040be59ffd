"""The JSON shapes of an event: the line of a list, and the whole of it. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from app.api.instants import iso
from app.logs import without_pages
from app.masking import masked
from app.preview import Texts
from app.record import Record
from model import issuer
from model.attempt import Attempt
from model.event import Event, Revision
from model.issuer import IssuerAck, IssuerAsks, IssuerLine
from model.plan import Agenda, Notification, Reach
from model.reply import Answer, Reply
from model.roster import Roster
from model.upstream import CallState, OutcomeCall
from model.verdict import Verdict
from routing.following import ALONE, Together
from routing.forecast import Forecast
from store.attempts import ReceiptRow
from store.codec import CONTENT
from store.deliveries import Delivery, Evidence
from store.timeline import Entry


def summary(event: Event, verdict: Verdict | None, together: Together = ALONE) -> dict[str, Any]:
    content = event.content
    return {
        "source": event.source,
        "event_id": event.event_id,
        "status": str(event.status),
        "severity": str(event.severity),
        "mode": str(content.mode),
        "message_type": str(content.message_type),
        "headline": content.headline,
        "revision": event.latest.number,
        "answer_revision": event.answer_revision,
        "received_at": iso(event.received_at),
        "deadline_at": iso(event.deadline_at),
        "closed_at": iso(event.closed_at),
        "route": event.route,
        "policy": event.policy,
        "team": event.team,
        "also": [other._asdict() for other in event.also],
        "verdict": outcome_shape(verdict),
        "goes_with": together.leader,
        "alike": together.alike,
    }


def detail(record: Record, roster: Roster, shown: Callable[[str], str], now: datetime) -> dict[str, Any]:
    """`shown` makes a delivery's id what its sender was given."""
    return summary(record.event, record.verdict, record.together) | {
        "work_until": iso(record.event.work_until),
        "roster_version": record.event.roster_version,
        "revisions": [_revision(r, record, shown) for r in record.event.revisions],
        "plan": {
            "notifications": [_notification(n) for n in record.notifications],
            "agenda": [_agenda(a) for a in record.agenda],
            "forecast": [forecast_shape(f) for f in record.forecasts],
        },
        "attempts": [_attempt(a) for a in record.attempts],
        "receipts": [_receipt(r) for r in record.receipts],
        "replies": [_reply(r) for r in record.replies],
        "verdicts": [_verdict(v) for v in record.verdicts],
        "verdict_lines": {"people": outcome_shape(record.verdict), "issuer": _issuer_line(record, roster, now)},
        "timeline": [entry_shape(e) for e in record.timeline],
        "deliveries": [_delivery(d, record.evidence.get(d.body_id), shown) for d in record.deliveries],
        "source_told": [_outcome_call(call) for call in record.outcome_calls],
        "acknowledgements": _acknowledgements(record, roster, shown),
    }


def entry_shape(entry: Entry) -> dict[str, Any]:
    """As live feeds say it too."""
    return entry._asdict() | {"at": iso(entry.at)}


def step_shape(step: int) -> int | None:
    """Steps count from 1 for people; rows of the event itself have none."""
    return step + 1 if step >= 0 else None


def forecast_shape(found: Forecast) -> dict[str, Any]:
    """`people` in the order in which they would be called; those told already are left out."""
    return {
        "step": step_shape(found.agenda.step),
        "due_at": iso(found.agenda.due_at),
        "asleep": found.agenda.asleep,
        "people": [
            {"person": person, "group": group, "channels": [str(n.channel) for n in found.rows if n.person == person]}
            for person, group in dict.fromkeys((n.person, n.group) for n in found.rows)
        ],
        "remarks": list(found.remarks),
    }


def reach_shape(reach: Reach | None) -> dict[str, Any]:
    """The calls as the lines allow them, most important first; `start` is null where there is no line in time."""
    rings = reach.rings if reach else ()
    return {
        "calls": [
            {"person": r.person, "step": step_shape(r.step), "start": iso(r.start), "end": iso(r.end)} for r in rings
        ],
        "calls_over_at": iso(reach.over_at) if reach else None,
        "call_length": reach.length._asdict() if reach else None,
        "no_line": list(reach.unreached) if reach else [],
    }


def texts_shape(texts: Texts) -> dict[str, Any]:
    return {"parts": texts.parts, "per_second": texts.per_second, "out_at": iso(texts.out_at)}


def outcome_shape(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    return {"outcome": str(verdict.outcome), "reason": verdict.reason, "at": iso(verdict.at)}


def _revision(revision: Revision, record: Record, shown: Callable[[str], str]) -> dict[str, Any]:
    return {
        "number": revision.number,
        "content": CONTENT.dump_python(revision.content, mode="json"),
        "parsed": record.parsed.get(revision.number),
        "issued_at": iso(revision.content.issued_at),
        "received_at": iso(revision.received_at),
        "needs_answer": revision.needs_answer,
        "changes": list(revision.changes),
        "content_sha256": revision.digest,
        "delivery_id": shown(revision.delivery_id),
    }


def _notification(row: Notification) -> dict[str, Any]:
    return {
        "id": row.id,
        "revision": row.revision,
        "kind": str(row.kind),
        "channel": str(row.channel),
        "person": row.person,
        "team": row.team,
        "group": row.group,
        "step": step_shape(row.step),
        "try": row.try_no,
        "follows": row.follows,
        "carried_by": row.carried_by,
        "state": str(row.state),
        "hold": str(row.hold) if row.hold else None,
        "reason": row.reason,
        "due_at": iso(row.due_at),
        "until": iso(row.until),
        "sent_at": iso(row.sent_at),
        "delivered_at": iso(row.delivered_at),
        "answered_at": iso(row.answered_at),
        "acknowledged_at": iso(row.acknowledged_at),
        "cut_requested_at": iso(row.cut_requested_at),
    }


def _agenda(row: Agenda) -> dict[str, Any]:
    return {
        "kind": str(row.kind),
        "revision": row.revision,
        "step": step_shape(row.step),
        "due_at": iso(row.due_at),
        "asleep": row.asleep,
        "cause": row.cause,
    }


def _attempt(row: Attempt) -> dict[str, Any]:
    return {
        "id": row.id,
        "notification_id": row.notification_id,
        "channel": str(row.channel),
        "address": masked(row.channel, row.address),
        "part": row.part,
        "parts": row.parts,
        "bundle": row.bundle,
        "words": without_pages(row.words.text),
        "template": row.words.template,
        "state": str(row.state),
        "started_at": iso(row.started_at),
        "ended_at": iso(row.ended_at),
        "vendor_id": row.vendor_id,
        "vendor_at": iso(row.vendor_at),
        "error": row.error,
    }


def _receipt(row: ReceiptRow) -> dict[str, Any]:
    return row._asdict() | {"received_at": iso(row.received_at), "vendor_at": iso(row.vendor_at)}


def _reply(row: Reply) -> dict[str, Any]:
    return {
        "id": row.id,
        "revision": row.revision,
        "person": row.person,
        "reply": str(row.answer),
        "channel": row.channel,
        "received_at": iso(row.received_at),
        "attempt_id": row.attempt_id,
        "said": row.said,
        "by": row.by,
    }


def _verdict(row: Verdict) -> dict[str, Any]:
    return {"revision": row.revision, "person": row.person, **(outcome_shape(row) or {})}


def _delivery(row: Delivery, post: Evidence | None, shown: Callable[[str], str]) -> dict[str, Any]:
    return {
        "delivery_id": shown(row.id),
        "member": row.member,
        "state": str(row.state),
        "revision": row.revision,
        "native_id": row.native_id,
        "detail": row.detail,
        "received_at": iso(row.received_at),
        "answered_at": iso(post.answered_at) if post else None,
        "decided_at": iso(row.decided_at),
        "sha256": post.sha256 if post else None,
        "sender": post.sender if post else None,
        "signature": post.signature if post else None,
        "key": post.key_id if post else None,
    }


def _acknowledgements(record: Record, roster: Roster, shown: Callable[[str], str]) -> dict[str, Any]:
    """Three kinds that are never one: our 202, a person's answer to us, the operator's answer to the issuer."""
    source = roster.sources.get(record.event.source)
    return {
        "transport": [
            {
                "delivery_id": shown(d.id),
                "received_at": iso(d.received_at),
                "answered_at": iso(post.answered_at) if (post := record.evidence.get(d.body_id)) else None,
            }
            for d in record.deliveries
        ],
        "operator": [_reply(r) for r in _current(record.event, record.replies) if r.answer is Answer.ACKNOWLEDGE],
        "issuer": [_issuer_ack(a) for a in record.issuer_acks],
        "also_confirm": source.also_confirm if source and source.also_confirm else None,
    }


def _issuer_ack(ack: IssuerAck) -> dict[str, Any]:
    return {
        "id": ack.id,
        "revision": ack.revision,
        "person": ack.person,
        "at": iso(ack.at),
        "how": str(ack.how),
        "evidence": ack.evidence,
        "received_at": iso(ack.received_at),
        "by": ack.by,
    }


def _outcome_call(call: OutcomeCall) -> dict[str, Any]:
    """How the source was told what became of it."""
    return {
        "id": call.id,
        "type": call.body["type"],
        "state": str(call.state),
        "tries": call.tries,
        "error": call.error or None,
        "made_at": iso(call.made_at),
        "next_at": iso(call.due_at) if call.state is CallState.WAITING else None,
        "over_at": iso(call.over_at),
    }


def _issuer_line(record: Record, roster: Roster, now: datetime) -> dict[str, Any] | None:
    source = roster.sources.get(record.event.source)
    asks = IssuerAsks.of(record.event, required=source is not None and source.issuer_ack)
    return issuer_shape(issuer.line(asks, record.issuer_acks, now))


def issuer_shape(found: IssuerLine | None) -> dict[str, Any] | None:
    """The verdict's line about the issuer: `outcome` is "open" while it can still be told."""
    if found is None:
        return None
    return {"outcome": str(found.outcome or "open"), "reason": found.reason, "at": iso(found.at)}


def _current(event: Event, replies: Sequence[Reply]) -> list[Reply]:
    """Each person's latest answer to the revision that needs one."""
    return list({r.person: r for r in replies if r.revision == event.answer_revision}.values())
