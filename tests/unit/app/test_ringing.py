"""What a call that tries somebody's phone comes to, and what the command says of it."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from app.cli import main
from app.commands import drilling
from app.commands.client import Api
from app.ringing import after
from model.attempt import ReceiptKind as Kind
from store.rings import Ring

NOW = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)
RING = Ring(id="r", person="ana", started_at=NOW, by="root")


@pytest.mark.parametrize(
    ("receipts", "state", "outcome"),
    [
        ([Kind.SENT], "calling", ""),
        ([Kind.RINGING], "ringing", ""),
        ([Kind.RINGING, Kind.ANSWERED], "answered", ""),
        ([Kind.ANSWERED, Kind.RINGING], "answered", ""),
        ([Kind.RINGING, Kind.ANSWERED, Kind.COMPLETED], "failed", "hung up without a key"),
        ([Kind.ANSWERED, Kind.MACHINE, Kind.COMPLETED], "failed", "voicemail"),
        ([Kind.RINGING, Kind.NO_ANSWER, Kind.NO_ANSWER], "failed", "no answer"),
        ([Kind.BUSY], "failed", "busy"),
        ([Kind.FAILED], "failed", "failed"),
        ([Kind.COMPLETED, Kind.RINGING], "failed", "hung up without a key"),
    ],
)
def test_receipts_in_any_order(receipts: list[Kind], state: str, outcome: str) -> None:
    found = reduce(lambda ring, kind: after(ring, kind, NOW + timedelta(seconds=1)), receipts, RING)
    assert (found.state, found.outcome) == (state, outcome)


@pytest.mark.parametrize(("last", "code"), [("confirmed", 0), ("failed", 1)])
def test_the_command_says_what_becomes_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], last: str, code: int
) -> None:
    states = iter(["ringing", "ringing", "answered", last])

    def call(self: Api, method: str, path: str, **more: Any) -> Any:
        state = "calling" if method == "POST" else next(states)
        return {"state": state, "person": "ana", "outcome": "voicemail"}

    monkeypatch.setattr(Api, "call", call)
    monkeypatch.setattr(drilling, "pause", lambda seconds: None)
    with pytest.raises(SystemExit) as ended:
        main(["ring", "ana", "--yes"])
    assert ended.value.code == code
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == ["The call is placed.", "It rings.", "Picked up. Waiting for the 1."]
    assert said[3].startswith("1 was pressed" if code == 0 else "Not confirmed: voicemail.")
