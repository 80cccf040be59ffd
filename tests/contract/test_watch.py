"""`gridcall watch` as a process beside a Gridcall that is killed: the stand-ins see who is told."""

import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import httpx2
import pytest

from app.cli import main
from sandbox import Settings as Play
from tests.demo_process import environment, free_port, until

PLAY = Play()
DUTY = "+13125550107"


@contextmanager
def process(folder, name, *arguments, **settings):
    """Started, and ended by SIGTERM unless it has ended; what it says is in a file of its name."""
    said = folder / name
    with said.open("wb") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *arguments],
            env=environment(**settings),
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.terminate()
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait(10)


def answers(url):
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.HTTPError:
        return False


def watching(standins):
    return {
        "GRIDCALL_TWILIO_ACCOUNT_SID": PLAY.twilio_account_sid,
        "GRIDCALL_TWILIO_AUTH_TOKEN": PLAY.twilio_auth_token,
        "GRIDCALL_TWILIO_FROM": PLAY.default_sender,
        "GRIDCALL_TWILIO_BASE_URL": f"{standins}/twilio",
        "GRIDCALL_SLACK_BOT_TOKEN": PLAY.slack_bot_token,
        "GRIDCALL_SLACK_SIGNING_SECRET": PLAY.slack_signing_secret,
        "GRIDCALL_SLACK_BASE_URL": f"{standins}/slack/api/",
        "GRIDCALL_PAGERDUTY_BASE_URL": f"{standins}/pagerduty",
        "GRIDCALL_WATCH_DUTY": f"Dana={DUTY}",
        "GRIDCALL_WATCH_PAGERDUTY_KEY": "R0WATCH0000000000000000000000000",
        "GRIDCALL_WATCH_SLACK_CHANNEL": "C0OPS00001",
        "GRIDCALL_WATCH_AFTER_SECONDS": "1",
    }


@pytest.mark.long
@pytest.mark.timeout(180)
def test_it_calls_when_everything_else_is_dead(tmp_path):
    api, sandbox = free_port(), free_port()
    standins, url = f"http://127.0.0.1:{sandbox}", f"http://127.0.0.1:{api}"
    ports = {"GRIDCALL_HTTP_PORT": str(api), "GRIDCALL_SANDBOX_PORT": str(sandbox)}
    with ExitStack() as house:
        house.enter_context(process(tmp_path, "standins", "sandbox", GRIDCALL_DATA_DIR=str(tmp_path / "s"), **ports))
        until("the stand-ins answer", 30, lambda: answers(f"{standins}/messages"))
        demo = ("serve", "--demo", "--standins", standins)
        served = house.enter_context(process(tmp_path, "served", *demo, GRIDCALL_DATA_DIR=str(tmp_path / "g"), **ports))
        until("it is well", 30, lambda: answers(f"{url}/statusz"))
        listens = free_port()
        hears = {"GRIDCALL_WATCH_PUBLIC_URL": f"http://127.0.0.1:{listens}", "GRIDCALL_WATCH_PORT": str(listens)}
        more = watching(standins) | hears | {"GRIDCALL_DATA_DIR": str(tmp_path / "w")}
        watch = house.enter_context(process(tmp_path, "watch", "watch", url, **more))
        until("it watches", 30, lambda: "Watching" in (tmp_path / "watch").read_text())

        served.send_signal(signal.SIGKILL)
        served.wait(10)

        def told():
            found = [m for m in httpx2.get(f"{standins}/messages").json()["messages"] if "not well" in str(m)]
            return found if len({m["channel"] for m in found}) == 4 else None

        found = until("the duty list is told on every channel", 30, told)
        assert "cannot be reached" in str(found)

        def taken():
            said = httpx2.get(f"{standins}/messages").json()["messages"]
            return {m["channel"] for m in said if "Dana looks after" in str(m)}

        until("it is told that Dana has pressed 1", 60, lambda: "slack" in taken())
        second = subprocess.run(
            [sys.executable, "-m", "app.cli", "watch", url],
            env=environment(**more),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert second.returncode != 0
        assert "another gridcall watch runs" in second.stderr
        watch.terminate()
        assert watch.wait(10) == 0
    assert DUTY not in (tmp_path / "watch").read_text(), "no number in a log"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "nobody would be woken: set GRIDCALL_WATCH_DUTY or GRIDCALL_WATCH_PAGERDUTY_KEY"),
        ({"GRIDCALL_WATCH_DUTY": f"Dana={DUTY}"}, "GRIDCALL_WATCH_DUTY needs Twilio"),
    ],
)
def test_what_is_missing_is_said_at_the_start(tmp_path, monkeypatch, capsys, settings, said):
    for name, value in {"GRIDCALL_DATA_DIR": str(tmp_path), **settings}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["watch", "http://127.0.0.1:9"])
    assert ended.value.code
    assert said in capsys.readouterr().err
