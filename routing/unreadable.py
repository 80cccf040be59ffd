"""What nobody can read, and how people hear of it: the first of a source at once, what follows in one line.

Nobody is called about a second one while the first waits for a person: with it, in one look, they see all of them.
"""

import json
from datetime import datetime, timedelta
from typing import NamedTuple

from broker.base import Message
from model.event import Action, Content, Instruction, Phase, Severity
from model.reading import Reading, Unreadable
from model.roster import Roster
from store import audit, rosters, unreadables
from store.audit import Changed, Who
from store.codec import sha256
from store.database import Connection
from store.unreadables import UnreadableRow, UnreadableState

TELL_EVERY = timedelta(minutes=10)  # what comes in between is counted into one message


class Kept(NamedTuple):
    """`id`: of the row. `told_as`: by which event people are told of it. `first`: they are to be told now.

    `times`: how often it came.
    """

    id: str
    told_as: str
    first: bool
    times: int


def keep(conn: Connection, message: Message, index: int, delivery_id: str, unreadable: Unreadable) -> Kept:
    """Keep it, or count it, in the transaction in which people are told of it."""
    kept = unreadables.keep(conn, row(message, index, delivery_id, unreadable))
    told = unreadables.told_lately(conn, message.source, message.received_at - TELL_EVERY)
    if told is not None:
        unreadables.count_with(conn, told.id)
        return Kept(kept.id, told.told_as, False, kept.count)
    told_as = f"unreadable/{message.source}/{kept.sha256[:16]}"
    return Kept(kept.id, told_as if kept.count == 1 else f"{told_as}/{kept.count}", True, kept.count)


def row(message: Message, index: int, delivery_id: str, unreadable: Unreadable) -> UnreadableRow:
    return UnreadableRow(
        id=delivery_id,
        body_id=message.id,
        member=index,
        source=message.source,
        sha256=sha256(message.body),
        received_at=message.received_at,
        last_at=message.received_at,
        problems=tuple(str(problem) for problem in unreadable.problems),
    )


def telling(kept: Kept, message: Message, unreadable: Unreadable, roster: Roster, why: str) -> Reading:
    """The event by which people hear of it: of a source that matters as urgent as an order, else a line in Slack."""
    source = roster.sources.get(message.source)
    critical = source is not None and source.critical
    name = source.name if source else message.source
    again = f" It came {kept.times} times." if kept.times > 1 else ""
    content = Content(
        issuer="Gridcall",
        program="GRIDCALL",
        phase=Phase.ALERT,
        severity=Severity.CRITICAL if critical else Severity.NOTICE,
        issued_at=message.received_at,
        instruction=Instruction(action=Action.INFORMATIONAL, target_mw=0.0),
        headline=f"A message from {name} {why}"[:100],
        text=f"{unreadable.reason}.{again} It is kept; a person must read it: /v1/unreadable."[:1027],
    )
    told_as = kept.told_as
    return Reading(
        event_id=told_as, revision=None, content=content, key=told_as, own_digest=sha256(json.dumps([told_as]))
    )


def record(
    conn: Connection, kept: UnreadableRow, did: str, becomes: UnreadableState, who: Who, now: datetime, reason: str = ""
) -> None:
    """What somebody did with it, for the audit. Without its words: nobody knows what stands in them."""
    text = f"a message of {kept.source} that nobody could read was {did}"
    before, after = ({"state": str(state)} for state in (kept.state, becomes))
    changed = Changed(what=f"unreadable/{kept.id}", change="changed", text=text, before=before, after=after)
    audit.record(conn, [changed], who, reason, rosters.latest_version(conn), now)
