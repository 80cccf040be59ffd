"""What the sender of an update or an end hears of it at once: only what is certain before it is planned."""

from datetime import timedelta

import pytest

from model.event import Action, Event, EventStatus, Instruction, Mode, Severity
from model.silence import Noise, Silence
from routing.consequence import consequence
from tests.unit.routing.house import NOW, event, revision

QUIET = Silence(
    id="s", noise=Noise(sources=("miso",)), since=NOW, until=NOW + timedelta(hours=1), reason="noise", author="key ana"
)
ORDER, MORE, WORDS = revision(), revision(2), revision(2, needs_answer=False)
NOTICE = {"severity": Severity.NOTICE, "instruction": Instruction(action=Action.INFORMATIONAL, target_mw=0.0)}
LED = {"leader_pk": "event-0", "merge_key": "k"}


@pytest.mark.parametrize(
    ("told", "silence", "rings", "said"),
    [
        (event(ORDER, MORE), None, None, "it needs a new answer: people are called for it"),
        (event(ORDER, WORDS), None, False, "it needs no new answer: who was told hears of it, no phone rings for it"),
        (
            event(ORDER, revision(2, mode=Mode.TEST)),
            None,
            None,
            "it asks nobody for an answer: who was told hears that",
        ),
        (
            event(revision(**NOTICE), revision(2, **NOTICE), severity=Severity.NOTICE),
            None,
            None,
            "it asks nobody for an answer: who was told hears that",
        ),
        (event(ORDER, MORE), QUIET, False, "held by the silence of key ana until Jul 14 19:00 UTC: noise"),
        (event(ORDER, WORDS, **LED), None, None, "another event rings for it, as long as this one asks for no more"),
        (
            event(ORDER, WORDS, status=EventStatus.CANCELLED),
            None,
            None,
            "who was told hears that it is over, who picked up or accepted by a call",
        ),
        (
            event(ORDER, WORDS, status=EventStatus.TERMINATED, **LED),
            None,
            False,
            "another event rang for it: nobody was called for this one alone",
        ),
        (event(status=EventStatus.TOMBSTONE), None, False, ""),
    ],
)
def test_what_a_statement_leads_to(told: Event, silence: Silence | None, rings: bool | None, said: str) -> None:
    assert consequence(told, silence) == (rings, said)
