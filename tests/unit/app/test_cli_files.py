"""`doctor`, `migrate` and `check` over a folder of files."""

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from app import doctor
from app.beginning import EXAMPLE
from app.cli import main
from app.greeting import program
from app.stores import database_place
from config.settings import load_settings
from model.clock import SystemClock
from model.monitor import Maintenance
from store import maintenance
from tests.app_fixture import ROSTER, opened


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a Gridcall that took one event and was ended."""
    async with opened(tmp_path / "var") as house:
        assert (await house.send("E-1"))["http_status"] == 202
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0), capsys.readouterr().out


async def test_an_untouched_chain_holds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "check", "--all")
    assert code == 0
    assert out.startswith("1 events with ")
    assert out.endswith(": unbroken\n")
    assert run(capsys, "check", "miso", "E-1")[0] == 0


async def test_a_changed_row_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(folder / "gridcall.db") as database:
        database.execute("UPDATE timeline SET body = replace(body, 'E-1', 'E-2'), kind = 'revised' WHERE seal_no = 2")
    database.close()
    code, out = run(capsys, "check", "miso", "E-1")
    assert code == 1
    assert out.startswith("miso E-1, row 2: the row 'revised' was changed")
    code, out = run(capsys, "check", "--all", "--json")
    assert code == 1
    assert json.loads(out)["breaks"][0]["seal_no"] == 2


async def test_a_row_whose_seal_was_taken_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Minutes before the newest that is sealed: here of another time, as its id tells."""
    with sqlite3.connect(folder / "gridcall.db") as database:
        taken = "seal_no = NULL, prev_hash = NULL, hash = NULL"
        database.execute(f"UPDATE timeline SET id = '01900000' || substr(id, 9), {taken} WHERE n = 1")
    database.close()
    code, out = run(capsys, "check", "miso", "E-1")
    assert code == 1
    assert "miso E-1: the row 'received' is not sealed, and later ones are\n" in out


async def test_heads_that_were_kept_are_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "heads")
    [head] = out.splitlines()
    digest, seal_no, pk, named = head.split(" ", 3)
    assert (code, named) == (0, "miso E-1")
    kept = folder / "heads.txt"
    kept.write_text(out)
    assert run(capsys, "heads", str(kept)) == (0, "")
    code, out = run(capsys, "check", "--all", "--heads", str(kept))
    assert (code, out.rpartition(" sealed rows")[2]) == (0, ", against 1 heads: unbroken\n")

    other, old = f"{pk[:-1]}{int(pk[-1], 16) ^ 1:x}", "00000000-0000-7000-8000-000000000000"
    lines = (f"{digest[::-1]} {seal_no} {pk} miso E-1", f"{digest} 1 {other} miso E 2", f"{digest} 1 {old} miso E-0")
    kept.write_text("".join(f"{line}\n" for line in lines))
    code, out = run(capsys, "check", "--all", "--heads", str(kept))
    assert (code, out.splitlines()[:-1]) == (
        1,
        [
            f"miso E-1, row {seal_no}: the row is another one than when the heads were kept",
            "miso E 2: the event is gone: it was there when the heads were kept",
        ],
    ), "the oldest may have been deleted for its age"
    assert run(capsys, "heads", str(kept)) == (0, f"{head}\n")


@pytest.mark.parametrize("line", ["", "miso E-1", f"{'0' * 64} 1 no-uuid miso E-1"])
def test_what_is_no_head_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str) -> None:
    (tmp_path / "heads.txt").write_text(f"{'0' * 64} 1 {'0' * 8}-0000-7000-8000-000000000000 miso E-1\n{line}\n")
    with pytest.raises(SystemExit) as ended:
        main(["check", "--all", "--heads", str(tmp_path / "heads.txt")])
    assert (ended.value.code, "line 2 of the heads" in capsys.readouterr().err) == (2, True)


def test_migrate_makes_the_database_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path / "new"))
    assert "already" not in run(capsys, "migrate")[1]
    assert "already" in run(capsys, "migrate")[1]


async def test_a_database_of_a_later_version_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An upgrade may have to be taken back: that must be a sentence, and nothing may be changed."""
    with sqlite3.connect(folder / "gridcall.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for words in (["migrate"], ["backup", str(folder / "copy")]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        assert "at 9999, made by a later version" in capsys.readouterr().err
    code, out = run(capsys, "doctor")
    assert (code, "made by a later version than this" in out) == (1, True)


def test_doctor_says_what_a_person_has_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GRIDCALL_SLACK_BOT_TOKEN", "xoxb-very-secret")
    monkeypatch.setenv("GRIDCALL_SLACK_SIGNING_SECRET", "also-secret")
    code, out = run(capsys, "doctor", "--roster", str(ROSTER))
    assert code == 0
    assert "urgency follows severity" in out
    assert "Twilio is not set up" in out
    assert "Slack is not set up" not in out
    assert "Slack does not reach us: its messages have no buttons" in out
    assert "secret" not in out.replace("SIGNING_SECRET", "").replace("secrets everybody knows", "")


def test_doctor_names_whom_a_rule_forbids_to_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "DATA_DIR": str(tmp_path),
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "token",
        "TWILIO_FROM": "+13125550100",
        "TWILIO_BASE_URL": "http://127.0.0.1:9",
        "TWILIO_DESTINATIONS": "+1,!+13125550102",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"GRIDCALL_{name}", value)
    code, out = run(capsys, "doctor", "--roster", str(ROSTER))
    assert code == 1
    assert "ben cannot be called: +13125… is forbidden by GRIDCALL_TWILIO_DESTINATIONS" in " ".join(out.split())
    assert "ana cannot be called" not in out


@pytest.mark.parametrize(("hours", "named"), [(1, True), (0.9, False)])
async def test_doctor_names_sources_that_were_never_heard(
    folder: Path, capsys: pytest.CaptureFixture[str], hours: float, named: bool
) -> None:
    """Not before they had an hour; miso sent an event, nobody minds alertmanager."""
    with sqlite3.connect(folder / "gridcall.db") as database:
        ended = f"until = since + {round(hours * 3_600_000_000)}, process = 'run'"
        database.execute("DELETE FROM listening WHERE rowid > (SELECT min(rowid) FROM listening)")
        database.execute(f"UPDATE listening SET {ended}")
    database.close()
    out = run(capsys, "doctor")[1]
    assert ("never heard, so their silence is no alarm yet: miso-fast; let them beat" in out) is named


async def test_doctor_says_who_need_not_be_heard(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = SystemClock().now()
    said = [
        Maintenance("1", "miso", now - timedelta(hours=1), now + timedelta(hours=1), "new firewall", "key ana"),
        Maintenance("2", "miso", now + timedelta(days=1), now + timedelta(days=2), "cables", "key ben"),
    ]
    place = database_place(load_settings())
    place.change(lambda conn: [maintenance.begin(conn, window) for window in said])
    found = [f for f in json.loads(run(capsys, "doctor", "--json")[1])["findings"] if f["what"] == "maintenance"]
    assert [(f["level"], f["detail"].partition(" UTC, as ")[2]) for f in found] == [
        ("mind", "key ana said: new firewall"),
        ("fine", "key ben said: cables"),
    ]


def test_doctor_fails_for_a_roster_that_does_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path / "var"))
    broken = tmp_path / "roster.yaml"
    broken.write_text("people: {ana: {phone: 12}}\n")
    code, out = run(capsys, "doctor", "--roster", str(broken), "--json")
    assert code == 1
    found = json.loads(out)
    assert not found["ok"]
    assert [f["what"] for f in found["findings"] if f["level"] == "fails"] == ["roster"]


def test_vendors_that_are_not_set_up_are_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --live too: each is named once, with what does not work then, and the exit code is 0."""
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path / "var"))
    code, out = run(capsys, "doctor", "--live", "--roster", str(EXAMPLE), "--json")
    assert code == 0
    found = [f for f in json.loads(out)["findings"] if f["what"] == "vendors"]
    assert [(f["level"], f["detail"].partition(":")[0]) for f in found] == [
        ("mind", "PagerDuty is not set up"),
        ("mind", "Twilio is not set up"),
        ("mind", "Slack is not set up"),
    ]


def test_the_line_to_paste_starts_with_what_was_started(tmp_path: Path) -> None:
    assert program(tmp_path / ".venv/bin/gridcall", tmp_path) == ".venv/bin/gridcall"
    assert program(Path("/opt/gridcall/bin/gridcall"), tmp_path) == "/opt/gridcall/bin/gridcall"


def test_doctor_asks_the_vendors(tmp_path):
    twilio = {"twilio_account_sid": "AC" + "0" * 32, "twilio_auth_token": "t" * 32, "twilio_from": "+13125550190"}
    slack = {"slack_bot_token": "xoxb-1", "slack_app_token": "xapp-1", "slack_base_url": "http://127.0.0.1:9/"}
    settings = load_settings(data_dir=tmp_path, twilio_base_url="http://127.0.0.1:9", **twilio, **slack)
    asked = ("Twilio", "Slack", "Slack Socket Mode")
    found = {found.what: found.level for found in doctor.findings(settings) if found.what in asked}
    assert found == dict.fromkeys(asked, doctor.Level.MIND), "none can be asked, which says nothing of the credentials"


def test_doctor_asks_by_what_the_watch_has_of_its_own(tmp_path):
    twilio = {"account_sid": "AC" + "1" * 32, "auth_token": "t" * 32, "from": "+13125550190"}
    own = {f"watch_twilio_{name}": value for name, value in twilio.items()}
    known = {"data_dir": tmp_path, "twilio_base_url": "http://127.0.0.1:9", "pagerduty_base_url": "http://127.0.0.1:9"}
    watch = {"watch_duty": "Ana=+13125550101", "watch_pagerduty_key": "R" * 32}
    found = {found.what: found.level for found in doctor.findings(load_settings(**known, **watch, **own))}
    assert found["Twilio of the watch"] == found["PagerDuty of the watch"] == doctor.Level.MIND
    found = {found.what: found.detail for found in doctor.findings(load_settings(**known, **watch))}
    assert "GRIDCALL_WATCH_DUTY needs Twilio" in found["watch"]
