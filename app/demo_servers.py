"""The servers of `make demo`: one process with stand-ins of its own, or two, of which one can be killed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from app.demo_house import ASLEEP, AWAKE, House, demo_roster
from app.demo_stage import Process, free_port
from model.clock import SystemClock


def night_roster(now: datetime, path: Path) -> None:
    """The demo's roster with its nights moved: Ana and Ben are awake and Chie sleeps, at whatever hour this runs."""
    roster = demo_roster()
    for person in AWAKE:
        roster["people"][person]["awake"] = {"start": "00:00", "end": "00:00"}
    for person in ASLEEP:
        local = now.astimezone(ZoneInfo(roster["people"][person]["timezone"]))
        start, end = local + timedelta(hours=11), local + timedelta(hours=12)
        roster["people"][person]["awake"] = {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}
    path.write_text(yaml.safe_dump(roster))


@contextmanager
def one_process(folder: Path) -> Iterator[tuple[House, Process, float]]:
    """`gridcall serve --demo` with stand-ins of its own; and in how many seconds it was ready."""
    api, standins = free_port("GRIDCALL_HTTP_PORT"), free_port("GRIDCALL_SANDBOX_PORT")
    roster = folder / "roster.yaml"
    night_roster(SystemClock().now(), roster)
    settings = {
        "GRIDCALL_HTTP_PORT": str(api),
        "GRIDCALL_SANDBOX_PORT": str(standins),
        "GRIDCALL_DATA_DIR": str(folder / "var"),
    }
    process = Process(folder / "serve.log", ["serve", "--demo", "--roster", str(roster)], settings)
    house = House(f"http://127.0.0.1:{api}", f"http://127.0.0.1:{standins}")
    try:
        yield house, process, process.wait_for(f"{house.api.url}/readyz")
    finally:
        house.close()
        process.stop()


class TwoProcesses:
    """Stand-ins that outlive a Gridcall which is killed and started again on the same data and ports."""

    def __init__(self, folder: Path) -> None:
        api, standins = free_port("GRIDCALL_HTTP_PORT"), free_port("GRIDCALL_SANDBOX_PORT")
        self.house = House(f"http://127.0.0.1:{api}", f"http://127.0.0.1:{standins}")
        self._roster = folder / "roster.yaml"
        night_roster(SystemClock().now(), self._roster)
        self._settings = {
            "GRIDCALL_HTTP_PORT": str(api),
            "GRIDCALL_SANDBOX_PORT": str(standins),
            "GRIDCALL_DATA_DIR": str(folder / "var"),
        }
        self._log = folder / "serve.log"
        self._world = Process(folder / "sandbox.log", ["sandbox"], self._settings)
        self.process: Process | None = None

    def start(self) -> float:
        self._world.wait_for(f"{self.house.standins.url}/state")
        arguments = ["serve", "--demo", "--standins", self.house.standins.url, "--roster", str(self._roster)]
        self.process = Process(self._log, arguments, self._settings)
        return self.process.wait_for(f"{self.house.api.url}/readyz")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()

    def close(self) -> None:
        self.house.close()
        for process in (self.process, self._world):
            if process is not None:
                process.stop()


def folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="gridcall-demo-", ignore_cleanup_errors=True)
