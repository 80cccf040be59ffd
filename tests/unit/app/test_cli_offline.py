"""What the command line does without a server: examples, planned words, one-sentence errors."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from tests.app_fixture import ROSTER

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `gridcall` with these arguments: (exit code, standard output, standard error)."""
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path / "var"))
    for name in ("GRIDCALL_URL", "GRIDCALL_KEY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def example(run: Run, *arguments: str) -> dict[str, object]:
    code, out, err = run("example", *arguments)
    assert (code, err) == (0, "")
    return dict(json.loads(out))


def test_every_example_has_a_fresh_id(run: Run) -> None:
    ids = {example(run, kind)["event_id"] for kind in ("edr", "edr", "drill", "bad")}
    assert len(ids) == 4


def test_an_example_can_speak_of_an_event_that_was_sent(run: Run) -> None:
    event = example(run, "cancel", "--event-id", "E-1", "--revision", "7")
    assert (event["event_id"], event["revision"], event["message_type"]) == ("E-1", 7, "cancel")


def test_the_fast_source_leaves_the_deadline_to_its_policy(run: Run) -> None:
    assert example(run, "edr")["ack_due_at"] is not None
    assert example(run, "edr", "--source", "miso-fast")["ack_due_at"] is None


def test_an_unknown_kind_is_named(run: Run) -> None:
    code, _, err = run("example", "nonsense")
    assert code == 2
    assert "nonsense" in err


def test_say_names_a_number_where_somebody_answers_or_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    event, words = json.dumps(example(run, "edr")), ("say", "-", "--channel", "sms", "--person", "ana")
    account = {"ACCOUNT_SID": "AC" + "0" * 32, "AUTH_TOKEN": "t" * 32, "FROM": "+13125550190"}
    for name, value in account.items():
        monkeypatch.setenv(f"GRIDCALL_TWILIO_{name}", value)
    assert "+1312" not in run(*words, stdin=event)[1]
    monkeypatch.setenv("GRIDCALL_HELP_CALLBACK_NUMBER", "+13125550191")
    assert "Call +13125550191." in run(*words, stdin=event)[1]


def test_say_shows_each_text_with_its_septets(run: Run) -> None:
    event = json.dumps(example(run, "edr"))
    code, out, _ = run("say", "-", "--channel", "sms", "--person", "ana", stdin=event)
    assert code == 0
    assert "cut 12.5 MW at Foundry 1" in out
    assert "part 1 of 2: " in out
    assert "of 160 septets (GSM-7)" in out


@pytest.mark.parametrize("channel", ["voice", "slack_dm", "slack_channel", "pagerduty"])
def test_say_gives_the_words_of_every_channel(run: Run, channel: str) -> None:
    event = json.dumps(example(run, "edr"))
    code, out, _ = run("say", "-", "--channel", channel, "--person", "ben", "--json", stdin=event)
    assert code == 0
    assert json.loads(out)[0]["text"]


def test_say_names_the_people_it_could_speak_to(run: Run) -> None:
    code, out, err = run("say", "-", "--channel", "voice", stdin=json.dumps(example(run, "edr")))
    assert (code, out) == (2, "")
    assert "ana, ben, chie, dee, eli" in err


def test_a_cancel_says_that_nothing_is_to_be_done(run: Run) -> None:
    event = json.dumps(example(run, "cancel"))
    _, out, _ = run("say", "-", "--channel", "sms", "--person", "ana", stdin=event)
    assert "CANCELLED: take no action" in out


def test_plan_says_who_is_told_when(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(example(run, "edr", "--source", "miso-fast")))
    code, out, _ = run("plan", str(file), "--source", "miso-fast", "--json")
    assert code == 0
    plan = json.loads(out)
    assert plan["policy"] == "fast"
    people = {row["person"] for row in plan["notifications"] if row["channel"] == "voice"}
    assert {"ana", "ben", "chie"} <= people
    assert "voice" in run("plan", str(file), "--source", "miso-fast")[1]
    assert "Mind: events of this source that are alike" not in run("plan", str(file), "--source", "miso-fast")[1]
    roster = tmp_path / "roster.yaml"
    fast = "  miso-fast:\n"
    alike = f"{fast}    group_by: [program]\n    group_window_seconds: 60\n"
    roster.write_text(ROSTER.read_text().replace(fast, alike))
    _, out, _ = run("plan", str(file), "--source", "miso-fast", "--roster", str(roster))
    assert "Mind: events of this source that are alike ring once" in out, "it knows nothing of what is under way"


def test_what_cannot_be_read_is_said_in_one_sentence(run: Run) -> None:
    code, _, err = run("plan", "-", stdin=json.dumps(example(run, "bad")))
    assert code == 2
    assert err.startswith("the event cannot be read: headline")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["send", "/no/such/file"], "/no/such/file cannot be read: No such file or directory"),
        (
            ["plan", "-", "--source", "nobody"],
            "source nobody is not in the roster, only: miso, miso-fast, alertmanager",
        ),
        (["check", "--all"], "there is no database at"),
    ],
)
def test_errors_are_one_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert err.startswith(sentence)
    assert len(err.splitlines()) == 1


def test_help_lists_every_verb(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    verbs = "serve sandbox example plan say send beat oncall events event unreadable doctor migrate check"
    assert [verb for verb in verbs.split() if f" {verb} " not in out] == []


def test_how_many_people_can_be_called_in_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the settings of this place, or of an account one thinks about."""
    monkeypatch.setenv("GRIDCALL_TWILIO_LINES", "5")
    assert run("capacity")[1].startswith("25 people within 600 s: 5 lines, 1 call a second, 115 s each")
    assert json.loads(run("capacity", "--lines", "200", "--json")[1])["people"] == 481
    assert run("capacity", "--call", "700")[1].startswith("0 people")
