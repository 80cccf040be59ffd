"""`gridcall roster`: taken out, checked, shown what it changes, and brought in force from another host."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.rosters import lines
from app.undoing import WAY_ON
from config.roster_file import load_roster
from tests.app_fixture import ROSTER

TEXT = ROSTER.read_text().partition("\nkeys:")[0]
Gridcall = Callable[..., tuple[int, str, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "roster.yaml"


def test_a_roster_goes_out_and_comes_back(gridcall: Gridcall, file: Path) -> None:
    code, out, _ = gridcall("roster", "export", str(file))
    assert (code, out) == (0, f"The roster in force is in {file}\n")
    assert file.stat().st_mode & 0o077 == 0
    assert load_roster(file.read_text(), "r").roster == load_roster(TEXT, "r").roster
    assert gridcall("roster", "export")[1] == file.read_text()
    code, out, _ = gridcall("roster", "apply", str(file))
    assert (code, out) == (0, f"{file} is in force already, as version 1\n")


def test_a_file_that_was_there_is_for_nobody_else_either(gridcall: Gridcall, file: Path) -> None:
    file.touch(mode=0o644)
    file.chmod(0o644)
    assert gridcall("roster", "export", str(file))[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_it_changes_is_said_and_asked_first(
    gridcall: Gridcall, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(TEXT.replace("[dee, eli]", "[eli, dee]"))
    code, out, _ = gridcall("roster", "apply", str(file), "--dry-run")
    assert code == 0
    change, title, first, *_ = out.splitlines()
    assert change == "change rotation ops-backup: layers[0].participants [dee, eli] -> [eli, dee]"
    assert title == "Who is on call changes:"
    assert first == "  ops-backup: Eli Novak replaces Dee Larsen Tue 09:00-Mon 09:00 CST, 6 d"
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert gridcall("roster", "apply", str(file))[0] == 1
    code, out, _ = gridcall("roster", "apply", str(file), "--yes", "--reason", "swapped")
    assert (code, out.splitlines()[-1]) == (0, f"{file} is in force, as version 2")
    file.write_text(TEXT)
    assert gridcall("roster", "apply", str(file), "--yes")[0] == 0


def test_what_a_colleague_changed_since_the_export_is_not_undone(gridcall: Gridcall, file: Path) -> None:
    """It is named, with who did it; who takes it over into the file, or says that it is meant, goes on."""
    gridcall("roster", "export", str(file))
    text = file.read_text()
    assert text.startswith("from_version: ")
    code, _, err = gridcall(*COVER, "--from", "2026-12-12T22:00", "--to", "Sun 06:00", "--reason", "dentist")
    assert code == 0, err
    renamed = text.replace("name: Ana Reyes", "name: Ana R.")
    file.write_text(renamed)
    code, out, err = gridcall("roster", "apply", str(file), "--yes")
    _, _, named = out.partition("It undoes what was changed since the file was exported:\n")
    assert (named.startswith("  add override "), ", by key demo-admin at 2026-11-03 " in named) == (True, True), out
    assert (code, file.read_text()) == (2, renamed)
    assert err.endswith(f"{file} is not applied: {WAY_ON}\n")
    assert gridcall("roster", "apply", str(file), "--dry-run")[:2] == (0, out)
    head, _, _ = text.partition("\n")
    _, _, now = gridcall("roster", "export")[1].partition("\n")
    file.write_text(f"{head}\n{now}".replace("name: Ana Reyes", "name: Ana R."))
    code, out, _ = gridcall("roster", "apply", str(file), "--yes")
    assert (code, "It undoes" in out) == (0, False), out
    file.write_text(text.partition("\n")[2])
    assert gridcall("roster", "apply", str(file), "--yes")[0] == 0


def test_whoever_goes_on_with_the_file_undoes_nothing(gridcall: Gridcall, file: Path) -> None:
    """What was applied is what they have seen: the file says so."""
    gridcall("roster", "export", str(file))
    file.write_text(f"# ours\n{file.read_text()}".replace("name: Ana Reyes", "name: Ana R."))
    code, out, _ = gridcall("roster", "apply", str(file), "--yes")
    version = out.split()[-1]
    assert (code, file.read_text().startswith(f"# ours\nfrom_version: {version}  #")) == (0, True)
    file.write_text(file.read_text().replace("name: Ana R.", "name: Ana Reyes"))
    assert gridcall("roster", "apply", str(file), "--yes")[0] == 0


def test_what_was_saved_while_the_question_waited_is_not_overwritten(
    gridcall: Gridcall, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gridcall("roster", "export", str(file))
    file.write_text(file.read_text().replace("name: Ana Reyes", "name: Ana R."))
    later = f"# not finished\n{file.read_text()}"

    class Keyboard(io.StringIO):
        def readline(self, *_: object) -> str:
            file.write_text(later)
            return "y\n"

    monkeypatch.setattr("sys.stdin", Keyboard())
    code, out, err = gridcall("roster", "apply", str(file))
    version = out.split()[-1]
    assert (code, file.read_text()) == (0, later)
    assert err.endswith(f"{file} has changed meanwhile and is left as it is. Set its from_version to {version}\n")
    file.write_text(TEXT)
    assert gridcall("roster", "apply", str(file), "--yes")[0] == 0


def test_a_wrong_file_is_refused_before_anybody_is_asked(
    gridcall: Gridcall, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(TEXT.replace("phone: +13125550102", "phone: 555"))
    monkeypatch.setenv("GRIDCALL_URL", "http://127.0.0.1:1")
    for verb in ("check", "apply"):
        code, _, err = gridcall("roster", verb, str(file))
        assert (code, err.startswith("roster.yaml:17: people.ben.phone: expected an E.164 number")) == (2, True), err


def test_a_right_file_is_counted(gridcall: Gridcall) -> None:
    code, out, _ = gridcall("roster", "check", str(ROSTER))
    assert (code, out) == (0, f"{ROSTER} is right: 5 people, 2 rotations, 2 routes, 3 sources, 5 keys\n")


def test_nothing_changes_for_those_on_call() -> None:
    edit = {
        "changes": [{"text": "add person zoe (Zoe)"}],
        "effect": [],
        "effect_omitted": 0,
        "findings": [],
        "clocks": [],
    }
    assert list(lines(edit)) == ["add person zoe (Zoe)", "Who is on call stays the same."]


def test_many_changes_end_with_their_number() -> None:
    change = {"rotation": "ops", "text": "Ana replaces Ben Sat"}
    left = {"findings": [{"text": "ops: Nobody replaces Ana Sat"}], "findings_omitted": 3, "clocks": []}
    said = list(lines({"changes": [], "effect": [change], "effect_omitted": 7} | left))
    assert said[2:] == ["  and 7 more", "What it leaves:", "  ops: Nobody replaces Ana Sat", "  and 3 more"]


# --- cover and swap ---------------------------------------------------------------------------------------------------

COVER = ("cover", "--rotation", "ops-primary", "--person", "dee", "--replaces", "ana")


def test_a_cover_in_one_line(gridcall: Gridcall) -> None:
    """By the rotation's clock."""
    code, out, err = gridcall(*COVER, "--from", "2026-11-15T22:00", "--to", "Mon 06:00", "--reason", "dentist")
    assert code == 0, err
    added, *_, version = out.splitlines()
    assert added.endswith("(ops-primary replace dee ana 2026-11-15T22:00-06:00 2026-11-16T06:00-06:00)")
    assert version.startswith("In force as version ")
    code, out, _ = gridcall("oncall", "--at", "2026-11-16T00:00", "--tz", "America/Chicago", "--json")
    people = {p["id"] for r in json.loads(out)["rotations"] for g in r["groups"] for p in g["people"]}
    assert (code, "dee" in people, "ana" in people) == (0, True, False)


def test_a_gap_is_refused_and_accepted_with_a_reason(gridcall: Gridcall, file: Path) -> None:
    file.write_text(f"{TEXT}\nabsences:\n  - {{person: eli, from: 2026-11-10T00:00, to: 2026-11-12T00:00}}\n")
    code, _, err = gridcall("roster", "apply", str(file), "--yes")
    assert (code, "It leaves a gap: ops-backup: Nobody replaces Eli Novak" in err) == (2, True)
    assert gridcall("roster", "apply", str(file), "--yes", "--accept-gaps", "--reason", "closed")[0] == 0
    file.write_text(TEXT)
    assert gridcall("roster", "apply", str(file), "--yes")[0] == 0


def test_a_time_that_is_doubtful_is_said(gridcall: Gridcall) -> None:
    code, _, err = gridcall(*COVER, "--from", "2027-10-31T01:30", "--to", "Sun 06:00", "--tz", "Europe/London")
    assert (code, "01:30 comes twice on Sun 31 Oct 2027 in Europe/London" in err) == (0, True)


def test_a_swap_in_one_line(gridcall: Gridcall) -> None:
    first = ("--person", "dee", "--from", "2027-10-04T09:00", "--to", "Tue 09:00")
    second = ("--with", "eli", "--with-from", "2027-10-11T09:00", "--with-to", "Tue 09:00")
    code, out, err = gridcall("swap", "--rotation", "ops-backup", *first, *second)
    assert code == 0, err
    assert "  ops-backup: Eli Novak replaces Dee Larsen Mon 4 Oct 2027 09:00-Tue 5 Oct 2027 09:00 CDT, 24 h" in out


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-11-01T22:00", "2026-11-02T06:00", "body.to: expected an instant later than now, 2026-11-03T15:"),
        (
            "2062-11-08T22:00",
            "2062-11-09T06:00",
            "body.from: expected an instant at most 366 days from now, found 2062-",
        ),
    ],
)
def test_a_cover_that_would_do_nothing_is_refused(gridcall: Gridcall, start: str, end: str, said: str) -> None:
    code, _, err = gridcall(*COVER, "--from", start, "--to", end)
    assert (code, said in err) == (2, True), err


def test_what_cannot_be_is_said_by_the_server(gridcall: Gridcall) -> None:
    code, _, err = gridcall("cover", "--rotation", "none", "--person", "dee", "--from", "17:00", "--to", "18:00")
    assert (code, err.splitlines()[-1]) == (2, "No such rotation: rotation none is not in the roster")
    code, _, err = gridcall(*COVER[:-3], "zoe", "--from", "2027-01-01T17:00", "--to", "18:00")
    assert (code, 'expected the name of one of people, found "zoe"' in err) == (2, True)
