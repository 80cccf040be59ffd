"""What is kept holds together, and whoever changes it is found out."""

import pytest
from sqlalchemy import text

from store.database import Connection
from tests.scenario.conftest import over_both
from tests.scenario.world import World


async def told(world: World) -> None:
    await world.post("edr")
    await world.advance_until("0:30")
    for name in ("ana", "ben"):
        world.phone(name).expects_call()
        world.phone(name).expects_text("Reply 1")


@over_both
async def test_everything_is_sealed_within_two_seconds(world: World) -> None:
    """From the first row on: no row stays unsealed for longer, and the chain checks at every moment."""
    await world.post("edr")
    for _ in range(30):
        await world.advance(seconds=2)
        kept = await world.event()
        assert kept.breaks == []
        sealed = await world.sealed_kinds(kept.event.pk)
        settled = [entry for entry in kept.timeline if (world.clock.now() - entry.at).total_seconds() >= 2]
        assert len(sealed) >= len(settled)
    for name in ("ana", "ben"):
        world.phone(name).expects_call()
        world.phone(name).expects_text("Reply 1")
    kinds = [entry.kind for entry in (await world.event()).timeline]
    assert kinds[:2] == ["received", "planned"]
    assert {"attempt_started", "attempt_accepted", "receipt", "reply", "revised", "verdict", "call_stopped"} <= set(
        kinds
    )


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            "UPDATE timeline SET body = replace(body, 'voice', 'vOice') WHERE kind = 'reply'",
            "the row 'reply' was changed",
        ),
        ("UPDATE timeline SET at = at + 1 WHERE kind = 'verdict'", "the row 'verdict' was changed"),
        ("UPDATE timeline SET private = replace(private, '0', '1') WHERE kind = 'received'", "the private part of"),
        ("UPDATE attempts SET words = replace(words, '12.5', '12.6') WHERE channel = 'sms'", "the words of attempt"),
        ("DELETE FROM timeline WHERE kind = 'planned'", "is missing"),
        (
            "UPDATE bodies SET body = CAST(replace(CAST(body AS TEXT), '12.5', '25.5') AS BLOB)",
            "the bytes of the message",
        ),
        ("UPDATE bodies SET sha256 = replace(sha256, 'a', 'b')", "the bytes of the message"),
        ("UPDATE deliveries SET id = 'another'", "the message"),
        ("UPDATE replies SET answer = 'cannot_comply'", "the reply that it tells of was changed or taken out"),
        ("UPDATE replies SET received_at = received_at - 1", "the reply that it tells of"),
        ("UPDATE verdicts SET outcome = 'missed' WHERE person IS NULL", "the timeline does not know the verdict"),
        ("DELETE FROM verdicts", "the verdict that it tells of was changed or taken out"),
        ("UPDATE revisions SET digest = 'another'", "the timeline does not know the revision"),
        ('UPDATE revisions SET content = replace(content, \'"headline":"\', \'"headline":"No \')', "the revision"),
        ("UPDATE revisions SET content = replace(content, '12.5', '2.5')", "the content of revision 1 was changed"),
        ("UPDATE timeline SET body = '[1]' WHERE kind = 'received'", "the row 'received' was changed"),
        ("DELETE FROM timeline WHERE kind = 'verdict'", "the timeline does not know the verdict"),
        ("DELETE FROM timeline WHERE kind = 'attempt_started'", "the timeline does not know the attempt"),
        ("DELETE FROM timeline", "the timeline does not know the revision"),
    ],
)
async def test_one_changed_byte_is_found(world: World, changes: str, found: str) -> None:
    """In what happened, in when, in what is private, in what came, was said and answered; and a row taken out."""
    await told(world)
    kept = await world.event()
    assert kept.breaks == []

    def tamper(conn: Connection) -> None:
        assert conn.execute(text(changes)).rowcount > 0

    await world.service.database.transact(tamper)
    breaks = (await world.event()).breaks
    assert breaks
    assert any(found in b.why for b in breaks), breaks
    world.evidence_is_broken_on_purpose = True


@pytest.mark.parametrize(
    "again",
    [
        {"headline": "MISO EDR: cut 15 MW"},  # a conflict
        {},  # a duplicate
    ],
    ids=["conflict", "duplicate"],
)
async def test_what_brought_nothing_new_is_sealed_too(world: World, again: dict[str, str]) -> None:
    """Above all what contradicts the first: what it said must not be changed either."""
    await world.post("edr", revision=None)
    await world.advance_until("0:30")
    await world.post("edr", revision=None, **again)
    await world.advance_until("1:00")
    for name in ("ana", "ben"):
        world.phone(name).expects_call()
        world.phone(name).expects_text("Reply 1")
    assert (await world.event()).breaks == []

    def tamper(conn: Connection) -> None:
        last = "(SELECT max(id) FROM bodies)"
        assert conn.execute(text(f"UPDATE bodies SET body = CAST('{{}}' AS BLOB) WHERE id = {last}")).rowcount == 1

    await world.service.database.transact(tamper)
    [broken] = (await world.event()).breaks
    assert broken.why.startswith("the bytes of the message ")
    world.evidence_is_broken_on_purpose = True
