"""A whole installation: servers that may be stopped, stand-ins, a door, and any number of processes of each role."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from app.security import hashed
from config.roster_file import RosterFile
from sandbox import Settings as Play
from store import rosters
from store.places import Postgres
from store.postgres import at_once
from store.rosters import KeyRow
from tests import postgres
from tests.crash.upstream import Upstream
from tests.crash.wires import Wires
from tests.demo_process import ROSTER, environment, free_port, until
from tests.rabbit_node import RabbitNode, delete_queues

START_SECONDS = 60
STOP_SECONDS = 30
TAIL_CHARS = 4000
UPSTREAM = "crash-suite-secret-upstream"
OPERATOR = "crash-suite-secret-operator"


@dataclass
class Servers:
    """Both are ours alone."""

    database: postgres.PostgresNode
    rabbit: RabbitNode

    def mend(self) -> None:
        """Both run, whatever a test did to them."""
        for node in (self.database, self.rabbit):
            if not node.running:
                node.start()


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    found = Servers(postgres.PostgresNode(), RabbitNode(folder))
    try:
        found.mend()
        yield found
    finally:
        found.rabbit.end()
        found.database.end()


@dataclass
class Process:
    """A running role (or the stand-ins), what it says in a file."""

    name: str
    role: str
    port: int
    log: Path
    popen: "subprocess.Popen[bytes]"
    point: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def cpu_seconds(self) -> float:
        """Used so far."""
        words = Path(f"/proc/{self.popen.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """Dead at once, as a host that loses power."""
        self.popen.kill()
        self.popen.wait(STOP_SECONDS)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.popen.terminate()
        return self.popen.wait(STOP_SECONDS)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass
class Cluster:
    """`start` roles, `post` events; `direct` leaves out the wires to the servers, for runs that measure."""

    folder: Path
    servers: Servers
    wires: Wires
    database_url: str
    roster: RosterFile | None
    direct: bool
    given: dict[str, str]
    processes: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.door = self.wires.door()
        self.upstream = Upstream(self.door.port, UPSTREAM)
        self.api = self.door.url.replace("nobody:@", "")
        self.to_database = self.wires.proxy(self.database_url)
        self.to_rabbit = self.wires.proxy(self.servers.rabbit.url)
        self.data = self.folder / "data"
        self._standins_port = free_port()
        self.standins = f"http://127.0.0.1:{self._standins_port}"
        self._settings = environment(**self._all_settings())

    def _all_settings(self) -> dict[str, str]:
        play = Play()
        database = self.database_url if self.direct else self.to_database.url.replace(":None@", "@")
        return {
            "GRIDCALL_DATABASE_URL": database,
            "GRIDCALL_AMQP_URL": self.servers.rabbit.url if self.direct else self.to_rabbit.url,
            "GRIDCALL_INSTALLATION_KEY": "k" * 40,
            "GRIDCALL_DATA_DIR": str(self.data),
            "GRIDCALL_PUBLIC_URL": self.api,
            "GRIDCALL_TWILIO_ACCOUNT_SID": play.twilio_account_sid,
            "GRIDCALL_TWILIO_AUTH_TOKEN": play.twilio_auth_token,
            "GRIDCALL_TWILIO_FROM": play.default_sender,
            "GRIDCALL_TWILIO_BASE_URL": f"{self.standins}/twilio",
            "GRIDCALL_TWILIO_LINES": "50",
            "GRIDCALL_PERSON_LIMITS_TIMES": "1000",
            "GRIDCALL_TWILIO_CALLS_PER_SECOND": "20",
            "GRIDCALL_SLACK_BOT_TOKEN": play.slack_bot_token,
            "GRIDCALL_SLACK_SIGNING_SECRET": play.slack_signing_secret,
            "GRIDCALL_SLACK_BASE_URL": f"{self.standins}/slack/api/",
            "GRIDCALL_SLACK_PER_SECOND": "50",
            "GRIDCALL_PAGERDUTY_BASE_URL": f"{self.standins}/pagerduty",
            "GRIDCALL_VENDOR_CHECK_SECONDS": "0",  # the books know every request
            **self.given,
        }

    # --- starting ---------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """The schema, the roster, the stand-ins."""
        Postgres(self.database_url).upgrade()
        if self.roster is None:
            text = re.sub(r"heartbeat: \{.*\}", "heartbeat: none", ROSTER.read_text())
            path = self.folder / "roster.yaml"
            path.write_text(text.replace("secret: demo-", "secret: crash-suite-secret-"))
            self._settings["GRIDCALL_ROSTER"] = str(path)
        else:
            self._keep(self.roster)
        command = [sys.executable, "-m", "tests.crash.standins", str(self._standins_port), self.api]
        process = self._begin("standins", "standins", self._standins_port, command, {})
        until("the stand-ins listen", START_SECONDS, lambda: _answers(f"{process.url}/state"))

    def _keep(self, file: RosterFile) -> None:
        now = datetime.now(UTC)
        keys = [
            KeyRow(id=k.id, sha256=hashed(k.secret), role=k.role, source=k.source, person=k.person) for k in file.keys
        ]
        at_once(self.database_url, lambda conn: rosters.save(conn, file.roster, "crash suite", now, keys=keys))

    def start(self, role: str, *, point: str | None = None, wait: bool = True, **more: str) -> Process:
        """A process of that role, which dies at `point`; its own port, one data folder for all."""
        port = free_port()
        module = ["tests.crash.process", role, point] if point else ["app.cli", role]
        command = [sys.executable, "-m", *module]
        name = f"{role}-{sum(p.role == role for p in self.processes) + 1}"
        process = self._begin(name, role, port, command, {"GRIDCALL_HTTP_PORT": str(port), **more})
        process.point = point
        if wait:
            self.ready(process)
        return process

    def start_watch(self, url: str, **more: str) -> Process:
        """`gridcall watch`, with settings of its own."""
        return self._begin("watch", "watch", 0, [sys.executable, "-m", "app.cli", "watch", url], more)

    def ready(self, process: Process) -> None:
        """Wait until it answers; an api process then gets its share from the door."""

        def answers() -> bool:
            assert process.alive, f"{process.name} ended while it started"
            return _answers(f"{process.url}/healthz")

        until(f"{process.name} answers", START_SECONDS, answers)
        if process.role == "api" and process.port not in self.door.ports:
            self.door.ports = [*self.door.ports, process.port]

    def _begin(self, name: str, role: str, port: int, command: list[str], more: dict[str, str]) -> Process:
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            popen = subprocess.Popen(command, env=self._settings | more, cwd=self.folder, stdout=out, stderr=out)
        process = Process(name, role, port, log, popen)
        self.processes.append(process)
        return process

    # --- ending -----------------------------------------------------------------------------------------------------

    def of(self, role: str) -> list[Process]:
        return [p for p in self.processes if p.role == role and p.alive]

    def kill(self, role: str) -> None:
        """Every process of that role."""
        for process in self.of(role):
            process.kill()
            self._forget(process)

    def dies(self, process: Process, seconds: float = 60) -> None:
        """Wait until it has killed itself at its point."""
        until(f"{process.name} dies at {process.point}", seconds, lambda: not process.alive)
        code = process.popen.returncode
        assert code == -signal.SIGKILL, f"{process.name} ended by itself with {code} instead of at {process.point}"
        self._forget(process)

    def alive(self) -> list[Process]:
        """The roles that run."""
        return [p for p in self.processes if p.alive and p.role not in ("standins", "watch")]

    def forget_dead(self) -> None:
        """The door gives them nothing any more."""
        for process in self.processes:
            if not process.alive:
                self._forget(process)

    def _forget(self, process: Process) -> None:
        self.door.ports = [port for port in self.door.ports if port != process.port]

    def stop_roles(self) -> None:
        """SIGTERM to all of them at once; each must end well."""
        roles = self.alive()
        for process in roles:
            process.popen.terminate()
        codes = {process.name: process.popen.wait(STOP_SECONDS) for process in roles}
        assert not any(codes.values()), f"ended badly: {codes}"

    def end(self) -> None:
        for process in self.processes:
            if process.alive:
                process.kill()

    def logs(self) -> str:
        """The last words of every process."""
        return "\n".join(
            f"\n=== {p.name}, {p.point or 'no point'}, exit {p.popen.returncode}\n{p.said()[-TAIL_CHARS:]}"
            for p in self.processes
        )

    # --- asking -----------------------------------------------------------------------------------------------------

    def get(self, path: str, key: str = OPERATOR) -> Any:
        return httpx2.get(f"{self.api}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=20).json()

    def asked(self) -> list[dict[str, Any]]:
        """What the vendors were asked for so far."""
        return list(httpx2.get(f"{self.standins}/requests", timeout=30).json())

    def calls(self) -> list[dict[str, Any]]:
        return list(httpx2.get(f"{self.standins}/calls", timeout=30).json()["calls"])


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


@contextmanager
def cluster(
    folder: Path, found: Servers, roster: RosterFile | None = None, *, direct: bool = False, **settings: str
) -> Iterator[Cluster]:
    """Servers and stand-ins run, roles not yet. Whatever happens, nothing of it is left; a failure shows the logs."""
    folder.mkdir(parents=True, exist_ok=True)
    found.mend()
    postgres.wait_for(delete_queues(found.rabbit.url, ""))
    with Wires().running() as wires, postgres.database(found.database.url, durable=True) as url:
        made = Cluster(folder, found, wires, url, roster, direct, settings)
        try:
            made.prepare()
            yield made
        except BaseException:
            made.end()
            print(made.logs())
            raise
        finally:
            made.end()
            found.mend()


def load_of_machine() -> str:
    one, five, _ = os.getloadavg()
    return f"{os.cpu_count()} cores, load {one:.1f} (1 min), {five:.1f} (5 min)"
