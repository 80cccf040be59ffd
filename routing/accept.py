"""One statement of an accepted message becomes an event's revision with its plan, in one transaction."""

from dataclasses import dataclass, replace
from datetime import datetime

from broker.base import Message
from model.event import Event, EventStatus, Severity, lane
from model.ids import Ids
from model.phones import USUAL, Phones
from model.plan import ChannelName, Kind, Plan
from model.reading import Reading, Unreadable
from model.roster import OWN_SOURCE, Roster
from routing import cases, fitting, following, joining, planner, silencing, unreadable
from routing.consequence import consequence
from routing.event_after import event_after, in_time
from routing.placing import Decision, Placement, place
from routing.repeats import Repeat, repeat_of
from store import deliveries, events, holes, plans, replies, timeline, unreadables
from store.audit import Who
from store.codec import content_text, sha256
from store.database import Connection
from store.deliveries import Delivery, DeliveryState
from store.signals import Handover, hand_over
from store.unreadables import UnreadableState


@dataclass(frozen=True, slots=True)
class Member:
    """One statement of a message, on its way to an event. `with_others`: it is about several."""

    message: Message
    index: int
    with_others: bool = False

    @property
    def delivery_id(self) -> str:
        return self.message.deliveries[self.index]


def decide(
    conn: Connection,
    member: Member,
    reading: Reading | Unreadable,
    roster: Roster,
    ids: Ids,
    now: datetime,
    phones: Phones = USUAL,
) -> Delivery | None:
    """One member, in one transaction: its evidence, its place, its plan. None when it was decided before."""
    if deliveries.known(conn, (member.delivery_id,)):
        return None
    deliveries.save_body(conn, member.message)
    if isinstance(reading, Unreadable):
        delivery = _keep_unreadable(conn, member, reading, roster, ids, now, phones)
    elif (repeat := repeat_of(conn, member.message, member.index)) is not None:
        delivery = _repeated(conn, member, repeat, roster, ids, now, phones)
    else:
        delivery = _accept(conn, member, reading, member.message.source, roster, ids, now, phones)
    deliveries.save(conn, delivery)
    if isinstance(reading, Reading) and reading.sequence is not None:
        again = delivery.state is DeliveryState.DUPLICATE
        holes.note(conn, member.message.source, reading.sequence, member.message.received_at, again=again)
    if member.message.replay_of and isinstance(reading, Reading):
        _note_replayed(conn, member, delivery, now)
    return delivery


def _delivery(member: Member, now: datetime, state: DeliveryState, detail: str) -> Delivery:
    return Delivery(
        id=member.delivery_id,
        body_id=member.message.id,
        member=member.index,
        source=member.message.source,
        received_at=member.message.received_at,
        decided_at=now,
        state=state,
        detail=detail,
    )


# --- messages that can be read --------------------------------------------------------------------------------------


def _accept(
    conn: Connection,
    member: Member,
    reading: Reading,
    source: str,
    roster: Roster,
    ids: Ids,
    now: datetime,
    phones: Phones,
) -> Delivery:
    events.lock_key(conn, source, reading.key)
    found = joining.find(conn, source, reading)
    member = replace(member, with_others=len(found) > 1)
    placed = [_place(conn, member, named, event, source, roster, ids, now, phones) for named, event in found]
    return placed[0]


def _place(
    conn: Connection,
    member: Member,
    reading: Reading,
    event: Event | None,
    source: str,
    roster: Roster,
    ids: Ids,
    now: datetime,
    phones: Phones,
) -> Delivery:
    """One event of the reading's: its new revision, saved with what follows from it."""
    placement = place(reading, event, member.delivery_id, member.message.received_at)
    if placement.revision is None:
        if event is None:
            return _delivery(member, now, DeliveryState.DUPLICATE, placement.detail)
        return _nothing_new(conn, member, reading, placement, event, roster, ids, now)
    first = event is None
    placement = _told_after_all(conn, placement, event)
    event = event_after(placement, event, source, roster, ids, member.message.deadline_at)
    if first and placement.decision is Decision.NEW:
        event = following.joined(conn, event, roster, ids, now)
    if placement.decision is Decision.NEW and event.leader_pk is None:
        event = in_time(event, roster.policy_of(event), now)
    events.save(conn, event)
    events.add_revision(conn, event.pk, event.latest, reading.parsed, member.message.trace)
    note_received(conn, member, reading, placement, event, ids)
    plan = _plan(conn, placement, event, roster, ids, now, phones)
    if plan:
        hand_over(conn, Handover(event, plan.notifications, member.message.trace))
    rings, said = (plan.rings, plan.remarks) if plan else _led_to(conn, cases.case(event, roster, ids, now))
    return replace(
        _placed(_delivery(member, now, DeliveryState.PLANNED, placement.detail), reading, placement, event),
        rings=rings,
        at_risk=plan.at_risk if plan else None,
        detail="; ".join(filter(None, (placement.detail, *said))),
    )


def _led_to(conn: Connection, case: planner.Case) -> tuple[bool | None, tuple[str, ...]]:
    """What is decided here of what the reviser will plan: whether phones ring for it, and in words."""
    event = case.event
    silence = cases.with_silence(conn, case).silence if event.status is EventStatus.OPEN else None
    told = silence is not None and bool(plans.of_event(conn, event.pk))
    led_to = consequence(event, None if told else silence)
    return led_to.rings, (led_to.said,)


def _told_after_all(conn: Connection, placement: Placement, event: Event | None) -> Placement:
    """What a silence has kept from everybody and becomes critical now is asked as a new event is, in its own time."""
    revision = placement.revision
    assert revision is not None
    critical = revision.content.severity is Severity.CRITICAL
    if event is None or event.leader_pk is not None or not critical or not silencing.may_be_held(event):
        return placement
    if placement.decision is not Decision.REVISED or plans.of_event(conn, event.pk):
        return placement
    return replace(placement, revision=replace(revision, needs_answer=True))


def _placed(delivery: Delivery, reading: Reading, placement: Placement, event: Event) -> Delivery:
    return replace(
        delivery,
        event_pk=event.pk,
        event_id=event.event_id,
        revision=placement.number,
        native_id=reading.native_id,
        ce_source=reading.ce_source,
        deadline_at=event.deadline_at,
        digest=reading.digest,
    )


def note_received(
    conn: Connection, member: Member, reading: Reading, placement: Placement, event: Event, ids: Ids
) -> None:
    message, revision = member.message, placement.revision
    assert revision is not None
    body = {
        "decision": placement.decision,
        "revision": placement.number,
        "message_type": revision.content.message_type,
        "mode": revision.content.mode,
        "headline": revision.content.headline,
        **_post(member),
        "content_sha256": revision.digest,
        "revision_sha256": sha256(content_text(revision.content)),
        "issued_at": reading.content.issued_at,
        "received_at": message.received_at,
        "signature": message.signature,
        "key": message.key_id,
        "changes": list(revision.changes),
        "warnings": list(reading.warnings),
    }
    timeline.append(conn, ids, event.pk, message.received_at, "received", body, {"sender": message.sender})


def _post(member: Member) -> dict[str, str | bool | None]:
    """What the timeline holds of the bytes that came."""
    return {
        "delivery": member.delivery_id,
        "body_sha256": sha256(member.message.body),
        "with_others": True if member.with_others else None,
    }


def _plan(
    conn: Connection, placement: Placement, event: Event, roster: Roster, ids: Ids, now: datetime, phones: Phones
) -> Plan | None:
    """A new event is planned here; whatever follows is the reviser's, before everything else it has to do."""
    if event.leader_pk is not None and placement.decision is Decision.NEW:
        return following.follow(conn, cases.case(event, roster, ids, now))
    if placement.decision is Decision.NEW:
        case = cases.with_silence(conn, cases.case(event, roster, ids, now))
        if case.silence is not None:
            return cases.hold(conn, case)
        case = cases.with_lines(conn, case, phones)
        plan = fitting.plan(case)
        cases.save_plan(conn, case, plan)
        return plan
    if placement.decision is not Decision.TOMBSTONE:
        below = None if event.status is not EventStatus.OPEN else event.answer_revision
        replies.close_codes(conn, event.pk, below, now)
        cause = f"revision {placement.number}: {event.content.message_type}"
        plans.ask_revise(conn, ids, event.pk, lane(event.content, event.severity), cause, now, urgent=True)
        following.tell_members(conn, ids, event, f"{event.event_id} {cause}", now)
    return None


def _nothing_new(
    conn: Connection,
    member: Member,
    reading: Reading,
    placement: Placement,
    event: Event,
    roster: Roster,
    ids: Ids,
    now: datetime,
) -> Delivery:
    conflict = placement.decision is Decision.CONFLICT
    state = DeliveryState.CONFLICT if conflict else DeliveryState.DUPLICATE
    body = {"decision": placement.decision, "revision": placement.number, "detail": placement.detail}
    timeline.append(conn, ids, event.pk, member.message.received_at, "received", body | _post(member))
    if conflict:
        note = f"CONFLICT in {event.event_id}: {placement.detail}. It now says: {reading.content.headline}"
        case = cases.case(event, roster, ids, now)
        _line_to_teams(conn, case, note, member.delivery_id)
    return _placed(_delivery(member, now, state, placement.detail), reading, placement, event)


def _line_to_teams(conn: Connection, case: planner.Case, note: str, key: str) -> None:
    """One line in the Slack channel of each team, in the event's thread."""
    details: dict[str, str | int | bool] = {"note": note, "key": key}
    channels = {team.slack_channel: team.id for team in case.teams if team.slack_channel}
    rows = [
        planner.row(case, Kind.NOTE, ChannelName.SLACK_CHANNEL, channel, team=team, details=details)
        for channel, team in channels.items()
    ]
    plans.add_notifications(conn, rows)


# --- messages with the key of one before ----------------------------------------------------------------------------


def _repeated(
    conn: Connection, member: Member, repeat: Repeat, roster: Roster, ids: Ids, now: datetime, phones: Phones
) -> Delivery:
    """Nobody is called again. What contradicts the first is told, as what cannot be read is."""
    first, message = repeat.first, member.message
    if repeat.contradiction is not None:
        kept = _keep_unreadable(conn, member, repeat.contradiction, roster, ids, now, phones, "bears another's key")
        return replace(kept, state=DeliveryState.CONFLICT, detail=repeat.detail)
    again = _delivery(member, now, DeliveryState.DUPLICATE, repeat.detail)
    if first is None or first.event_pk is None:
        return again
    body = {"decision": Decision.DUPLICATE, "revision": first.revision, "detail": repeat.detail}
    timeline.append(conn, ids, first.event_pk, message.received_at, "received", body | _post(member))
    known = ("event_pk", "event_id", "revision", "deadline_at", "native_id", "ce_source", "digest")
    return replace(again, **{name: getattr(first, name) for name in known})


# --- messages nobody can read ---------------------------------------------------------------------------------------


def _keep_unreadable(
    conn: Connection,
    member: Member,
    reading: Unreadable,
    roster: Roster,
    ids: Ids,
    now: datetime,
    phones: Phones,
    why: str = "cannot be read",
) -> Delivery:
    """Keep it, and tell people by an event of our own, in the same transaction.

    Who sent it again reads in the answer what is wrong with it: nobody else is told, and it stays as it was.
    """
    message = member.message
    delivery = _delivery(member, now, DeliveryState.UNREADABLE, f"unreadable: {reading.reason}")
    if message.replay_of:
        return delivery
    kept = unreadable.keep(conn, message, member.index, member.delivery_id, reading)
    if not kept.first:
        event = events.find(conn, OWN_SOURCE, kept.told_as)
        assert event is not None  # people were told by it minutes ago
        detail = f"{delivery.detail}; people were told of another one a moment ago, and hear how many there are"
        return replace(delivery, event_pk=event.pk, event_id=kept.told_as, rings=False, detail=detail)
    telling = unreadable.telling(kept, message, reading, roster, why)
    told = _accept(conn, member, telling, OWN_SOURCE, roster, ids, now, phones)
    unreadables.tell(conn, kept.id, kept.told_as, message.received_at)
    return replace(delivery, event_pk=told.event_pk, event_id=told.event_id, rings=told.rings)


def keep_untold(conn: Connection, member: Member, reading: Unreadable, now: datetime) -> Delivery:
    """The last resort: the message is kept and listed, though no event could be made to tell people of it."""
    deliveries.save_body(conn, member.message)
    unreadables.keep(conn, unreadable.row(member.message, member.index, member.delivery_id, reading))
    delivery = _delivery(member, now, DeliveryState.UNREADABLE, f"unreadable, told nobody: {reading.reason}")
    deliveries.save(conn, delivery)
    return delivery


def _note_replayed(conn: Connection, member: Member, delivery: Delivery, now: datetime) -> None:
    """A person has sent it again, and it could be read: they are done with it."""
    message = member.message
    assert message.replay_of
    row = unreadables.find(conn, message.replay_of)
    if row is None or (row.member != member.index and len(message.deliveries) > 1):
        return  # another member of its list
    key_id = message.key_id or ""
    unreadables.replayed(conn, row.id, delivery.id, key_id)
    did = f"{'repaired and ' if row.repaired is not None else ''}sent again as {delivery.event_id or 'nothing new'}"
    by = Who(actor=f"key {key_id}", key_id=key_id)
    unreadable.record(conn, row, did, UnreadableState.REPLAYED, by, now)
