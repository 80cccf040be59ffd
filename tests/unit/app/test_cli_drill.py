"""`gridcall drill`: nobody is rung unasked, and its end says whether the deadline was kept."""

import base64
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from app.commands import drilling
from app.commands.client import Answer, Api, segment
from intake.examples import example
from tests.app_fixture import START

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
Gridcall = Callable[..., tuple[int, str, str]]


def answers(monkeypatch: pytest.MonkeyPatch, reply: str) -> list[float]:
    """Somebody answers the newest event while the command waits; how long it waited each time."""
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) > 20:
            raise AssertionError("there is no end to it")
        newest = Api().get("/v1/events", limit=1)["events"][0]["event_id"]
        if len(waited) == 1:
            Api().call("POST", f"/v1/events/miso/{segment(newest)}/reply", json={"person": "ana", "reply": reply})

    monkeypatch.setattr(drilling, "pause", pause)
    return waited


def test_a_drill_is_followed_until_its_verdict(gridcall: Gridcall, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = answers(monkeypatch, "acknowledge")
    code, out, _ = gridcall("drill", "--yes")
    assert code == 0
    assert "Calls from 15:00:00" in out
    assert "ana accepted (api, revision 1)" in out
    assert "verdict: met, accepted by Ana" in out
    assert waited
    drills = [e for e in Api().get("/v1/events")["events"] if e["mode"] == "drill"]
    assert drills[0]["event_id"].startswith("drill/")


def test_nobody_is_rung_unasked(gridcall: Gridcall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    before = len(Api().get("/v1/events", limit=500)["events"])
    code, out, err = gridcall("drill")
    assert code != 0
    assert "Let these phones ring" in out + err
    assert len(Api().get("/v1/events", limit=500)["events"]) == before


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        ({"rings": True, "gantt": ["Calls from 15:00:00"], "remarks": ["odd"]}, ["Calls from 15:00:00"]),
        ({"rings": False, "gantt": ["Calls from 15:00:00"], "remarks": ["held"]}, ["held", "No phone would ring."]),
        ({"rings": True, "gantt": [], "remarks": []}, ["PagerDuty would call, and Gridcall when nobody accepts."]),
    ],
)
def test_who_would_ring_is_said_before_it_is_asked(planned: dict[str, Any], said: list[str]) -> None:
    assert drilling._would_ring(planned) == said


def test_an_event_of_ones_own_is_played_as_a_drill(gridcall: Gridcall, tmp_path: Path) -> None:
    file = tmp_path / "storm.json"
    file.write_text(json.dumps(example("edr", START, "REAL-1") | {"headline": "Storm over Foundry 1"}))
    code, out, _ = gridcall("drill", str(file), "--yes", "--no-wait")
    assert code == 0
    newest = Api().get("/v1/events", limit=1)["events"][0]
    assert (newest["mode"], newest["headline"]) == ("drill", "Storm over Foundry 1")
    assert newest["event_id"] != "REAL-1"
    assert "DRILL Storm over Foundry 1" in gridcall("events", "--limit", "1")[1]
    assert out.splitlines()[-1].startswith(f"{newest['event_id']} is sent, to be accepted by 2026-11-03 15:10:00")


def events() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Api().get("/v1/events", limit=500)["events"]
    return found


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("miso_edr_*.json")), ids=lambda file: file.stem)
def test_a_cloud_event_is_played_as_a_drill_of_its_own(gridcall: Gridcall, file: Path) -> None:
    """Its event stands in `data`: what is put beside that changes nothing of it."""
    real = json.loads(file.read_bytes())
    code, out, _ = gridcall("drill", str(file), "--yes", "--no-wait")
    assert code == 0
    newest = events()[0]
    assert newest["mode"] == "drill"
    assert newest["event_id"].startswith("drill/")
    assert newest["status"] == "open"
    assert out.splitlines()[-1].startswith(newest["event_id"])
    if real["data"]["mode"] == "actual":
        assert real["subject"] not in [event["event_id"] for event in events()]


def test_two_drills_of_one_cloud_event_are_two(gridcall: Gridcall) -> None:
    before = len(events())
    for _ in range(2):
        assert gridcall("drill", str(SAMPLES / "miso_edr_dispatch_new.json"), "--yes", "--no-wait")[0] == 0
    assert len(events()) == before + 2


def test_what_would_not_be_read_as_a_drill_is_not_sent(gridcall: Gridcall, tmp_path: Path) -> None:
    file, before = tmp_path / "real.json", events()
    inside = base64.b64encode(b'{"event_id": "REAL", "headline": "Real"}').decode()
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": inside}
    file.write_text(json.dumps(envelope))
    code, out, err = gridcall("drill", str(file), "--yes")
    assert (code, out) == (2, "")
    assert "nothing is sent: Gridcall would read this as actual, event REAL, not as a drill" in err
    assert events() == before


def test_a_foreign_format_is_not_sent(gridcall: Gridcall, tmp_path: Path) -> None:
    """Its mode stands elsewhere, or nowhere."""
    before = events()
    for file in (SAMPLES / "alertmanager_webhook_v4.json", SAMPLES / "miso_edr_dispatch_new.json"):
        code, _, err = gridcall("drill", str(file), "--source", "alertmanager", "--yes")
        assert code == 2, err
    assert events() == before


def test_an_event_that_never_comes_is_not_waited_for(gridcall: Gridcall, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    send = Api.send
    gone = Answer(404, {"title": "No such event"})
    monkeypatch.setattr(
        Api, "send", lambda api, method, path, **more: gone if method == "GET" else send(api, method, path, **more)
    )
    monkeypatch.setattr(drilling, "pause", waited.append)
    code, _, err = gridcall("drill", "--yes")
    assert code == 2
    assert "nothing is known of it" in err
    assert len(waited) < drilling.GIVEN_UP_AFTER


@pytest.mark.parametrize("text", ["[]", "no json"])
def test_what_is_no_event_is_said(gridcall: Gridcall, tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(text)
    code, _, err = gridcall("drill", str(file), "--yes")
    assert (code, len(err.splitlines())) == (2, 2)  # the first names the demo's key
