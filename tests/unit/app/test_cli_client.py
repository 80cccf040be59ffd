"""The command line as a client of the API: what it sends, what it shows, how it says that it could not."""

import json
import re
import socket
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx2
import pytest

from app.cli import main
from app.commands.client import Api, CommandError
from intake.examples import example
from tests.app_fixture import START


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def written(folder: Path, kind: str, event_id: str) -> str:
    file = folder / f"{kind}.json"
    file.write_text(json.dumps(example(kind, START, event_id)))
    return str(file)


def test_an_event_is_sent_and_its_story_read(at: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, "send", written(tmp_path, "edr", "cli-1"))
    assert code == 0
    assert json.loads(out)["rings"] is True
    assert err == "GRIDCALL_KEY is not set: trying the demo's demo-upstream\n"
    code, out, _ = run(capsys, "event", "miso", "cli-1")
    assert code == 0
    assert "MISO EDR: cut 12.5 MW" in out
    assert "to be confirmed in MCS" in out
    assert "received revision 1" in out
    assert "to come unless somebody accepts: step 2" in out
    code, out, _ = run(capsys, "events", "--json")
    assert "cli-1" in [event["event_id"] for event in json.loads(out)["events"]]
    assert "cli-1" in run(capsys, "events")[1]


def test_the_report_says_it_in_words(at: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "report", "--from", "2026-11-02T00:00", "--to", "2026-11-04T00:00", "--tz", "UTC")
    assert code == 0
    begins, actual, drill = out.splitlines()[:3]
    assert "  Gridcall's own: " in out
    assert begins.startswith("Events received from 2026-11-02 00:00:00 UTC")
    assert re.fullmatch(r"  actual: \d+ \(.*\bopen\b.*\)", actual)
    assert drill == "  drill: none"
    _, out, _ = run(capsys, "report", "--events", "--from", "2026-11-02T00:00", "--to", "2026-11-04T00:00")
    assert "cli-1\t1\tactual\topen" in out
    assert run(capsys, "report", "--from", "once")[0] == 2


def test_who_is_on_call(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "oncall")
    assert "ops-primary\tChie Mori\tAsia/Tokyo\tasleep" in out
    code, out, _ = run(capsys, "oncall", "--at", "2026-11-03T02:00:00Z", "--team", "ops", "--json")
    assert code == 0
    assert json.loads(out)["at"].startswith("2026-11-03T02:00:00")


def test_who_is_on_call_at_a_time_as_people_say_it(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "oncall", "--at", "2026-11-01T01:30", "--tz", "America/Chicago")
    assert code == 0
    assert "On call at 2026-11-01 01:30:00 CDT:" in out
    assert "2026-11-01T01:30-06:00 the second" in err
    code, out, _ = run(capsys, "oncall", "--at", "Sun 02:30", "--tz", "America/Chicago", "--json")
    assert code == 0
    shown = datetime.fromisoformat(json.loads(out)["at"]).astimezone(ZoneInfo("America/Chicago"))
    assert shown.weekday() == 6
    assert (shown.hour, shown.minute) in ((2, 30), (3, 0))
    code, _, err = run(capsys, "oncall", "--at", "whenever")
    assert code == 2
    assert '--at: expected an instant such as "Sun 02:30"' in err
    code, _, err = run(capsys, "oncall", "--at", "Sun 02:30", "--tz", "US/Central")
    assert code == 2
    assert '--tz: expected "America/Chicago", the name in use now, found US/Central' in err


def test_what_nobody_could_read_is_shown_repaired_and_replayed(
    at: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "send", written(tmp_path, "bad", "cli-2"))
    assert code == 1
    kept = json.loads(out)["unreadable_id"]
    assert kept in run(capsys, "unreadable", "list")[1]
    code, out, err = run(capsys, "unreadable", "show", kept)
    assert json.loads(out)["event_id"] == "cli-2"  # standard output holds the body alone
    assert "headline" in err
    assert run(capsys, "unreadable", "edit", kept, written(tmp_path, "bad", "cli-2"))[0] == 1
    code, out, _ = run(capsys, "unreadable", "edit", kept, written(tmp_path, "edr", "cli-2"))
    assert code == 0
    assert "new of cli-2" in out
    code, out, _ = run(capsys, "unreadable", "replay", kept)
    assert code == 0
    assert json.loads(out)["event_id"] == "cli-2"


def test_what_nobody_could_read_is_fixed_in_one_line(
    at: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps({"event_id": "cli-3", "zones": [{"scheme": "MISO-LRZ", "code": 4}]}, indent=1))
    kept = json.loads(run(capsys, "send", str(file))[1])["unreadable_id"]
    _, _, err = run(capsys, "unreadable", "show", kept)
    assert '   "code": 4\n' + " " * 13 + "^" in err, "the error is marked where it lies"
    code, _, err = run(capsys, "unreadable", "fix", kept, "--set", "headline=Cut 12.5 MW")
    assert code == 1
    assert "zones[0].code: expected text, found 4" in err
    changes = ("--set", 'zones[0].code="4"', "--set", "instruction.action=reduce_load")
    more = ("--set", "instruction.target_mw=12.5", "--keep")
    code, out, err = run(capsys, "unreadable", "fix", kept, *changes, *more)
    assert (code, out) == (0, "")
    assert "It reads as new of cli-3: Cut 12.5 MW" in err
    code, out, _ = run(capsys, "unreadable", "fix", kept, "--set", "mode=test")
    assert code == 0
    assert (json.loads(out)["event_id"], json.loads(out)["rings"]) == ("cli-3", False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("headline", "expected FIELD=VALUE, found headline"),
        ("=x", "expected a field such as headline or data.zones[0].code, found nothing"),
        ("zones[0].code=4", "zones has no 0: it cannot be set"),
        ("event_id.x=4", "event_id has no x: it cannot be set"),
        ("[0]=4", "the message has no 0: it cannot be set"),
        ("a]b=4", "expected a field such as headline or data.zones[0].code, found a]b"),
    ],
)
def test_a_field_that_cannot_be_set_is_said(
    at: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, change: str, said: str
) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps({"event_id": "cli-4", "zones": []}))
    kept = json.loads(run(capsys, "send", str(file))[1])["unreadable_id"]
    code, _, err = run(capsys, "unreadable", "fix", kept, "--set", change)
    assert code == 2
    assert err.splitlines()[-1] == said


def test_what_nobody_needs_is_dismissed(at: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "rubbish"
    file.write_text("GET / HTTP/1.1")
    kept = json.loads(run(capsys, "send", str(file))[1])["unreadable_id"]
    code, _, err = run(capsys, "unreadable", "fix", kept, "--set", "headline=x")
    assert code == 2
    assert "it is no JSON" in err
    code, out, _ = run(capsys, "unreadable", "dismiss", kept, "--reason", "a port scan")
    assert (code, out) == (0, f"{kept} is dismissed.\n")
    assert kept not in run(capsys, "unreadable", "list", "--state", "new")[1]
    assert kept in run(capsys, "unreadable", "list", "--state", "dismissed")[1]


def test_a_source_beats(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "beat", "miso-fast")
    assert code == 0
    assert out.startswith("miso-fast was heard at ")


def test_a_source_beats_at_a_secret_address(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "link", "miso")
    path = urlsplit(out.strip()).path
    assert httpx2.get(f"{at}{path}").text == "OK\n"
    assert run(capsys, "link", "miso", "--revoke", "--reason", "lost")[1] == "The ping link of miso is revoked.\n"
    assert httpx2.get(f"{at}{path}").status_code == 404


def test_a_source_is_worked_on(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    times = ("--from", "2027-01-04T08:00Z", "--until", "2027-01-04T10:00Z", "--tz", "UTC")
    code, out, _ = run(capsys, "maintain", "miso", *times, "--reason", "new firewall")
    assert code == 0
    assert out == "miso need not be heard from 2027-01-04 08:00:00 UTC until 2027-01-04 10:00:00 UTC\n"
    listed = run(capsys, "maintain", "--tz", "UTC")[1].splitlines()
    row = "miso\t2027-01-04 08:00:00 UTC\t2027-01-04 10:00:00 UTC\tkey demo-admin\tnew firewall\t"
    assert (len(listed), listed[1][: len(row)]) == (2, row)
    id_ = listed[1][len(row) :]
    [window] = json.loads(run(capsys, "maintain", "miso", "--json")[1])["maintenance"]
    assert (window["id"], window["active"]) == (id_, False)
    code, _, err = run(capsys, "maintain", "miso", "--end")
    assert (code, err.endswith(f"is in none now; to come: {id_}\n")) == (2, True)
    code, out, _ = run(capsys, "maintain", "miso", "--end", "--id", id_, "--tz", "UTC")
    assert code == 0
    over = f"Over: from 2027-01-04 08:00:00 UTC until 2027-01-04 10:00:00 UTC, key demo-admin: new firewall ({id_})"
    assert out.splitlines()[0] == over
    assert out.splitlines()[1].startswith("miso is expected to be heard from ")
    assert run(capsys, "maintain", "miso")[1] == "No maintenance, now or to come.\n"
    for words in (("miso", "--until", "17:00"), ("--end",), ("miso", "--end", "--reason", "x"), ("miso", "--id", id_)):
        code, _, err = run(capsys, "maintain", *words)
        assert (code, "say SOURCE with --until and --reason" in err) == (2, True)


def test_refusals_are_said_in_the_words_of_the_server(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "event", "miso", "no/such event")
    assert code == 2
    assert err.splitlines()[-1] == "No such event: source miso has sent no event no/such event"


def test_a_wrong_key_is_said(at: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDCALL_KEY", "wrong")
    code, _, err = run(capsys, "events")
    assert (code, err) == (2, "Not authorized: the key is not known here\n")


def test_nothing_listens(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    monkeypatch.setenv("GRIDCALL_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("GRIDCALL_KEY", "any")
    code, _, err = run(capsys, "events")
    assert (code, err) == (2, f"nothing listens at http://127.0.0.1:{port}: start it with make run\n")


def test_elsewhere_a_key_must_be_given(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDCALL_URL", "https://gridcall.example")
    monkeypatch.delenv("GRIDCALL_KEY", raising=False)
    code, _, err = run(capsys, "events")
    assert code == 2
    assert "give the key with which you are known at https://gridcall.example" in err


def test_who_does_not_answer_in_time_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("GRIDCALL_URL", url)
        with pytest.raises(CommandError, match=f"{url} did not answer within 0.2 seconds"):
            Api(seconds=0.2).get("/v1/roster")
