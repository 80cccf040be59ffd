"""The units for systemd say what there is: settings, verbs, ports, credentials; their commands start.

The way through docs/operating.md is walked with stand-ins for what would change the machine itself.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from app.roles import Role
from config.settings import PREFIX, Settings
from tests import postgres
from tests.demo_process import ROOT, environment

UNITS = ROOT / "deploy" / "systemd"
SERVICES = ("gridcall.service", "gridcall@.service")
INSTALLED = "/opt/gridcall/.venv/bin/gridcall"


def said(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text(), re.MULTILINE)


def instances() -> list[tuple[str, int]]:
    """("api", 8080) of each process of the target."""
    names = " ".join(said("gridcall.target", "Wants")).split()
    return [
        (role, int(port)) for role, port in (re.fullmatch(r"gridcall@(\w+)-(\d+)\.service", n).groups() for n in names)
    ]  # type: ignore[union-attr]


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_names_settings_of_ours(unit: str) -> None:
    file = re.findall(r"^(\w+)=", (UNITS / "gridcall.env").read_text(), re.MULTILINE)
    for variable in [line.split("=")[0] for line in said(unit, "Environment")] + file:
        assert variable.removeprefix(PREFIX).removesuffix("_FILE").lower() in Settings.model_fields
    credentials = {line.split(":")[0] for line in said(unit, "LoadCredential")}
    assert {v.split("%d/")[1] for v in said(unit, "Environment") if "%d/" in v} == credentials
    assert f"GRIDCALL_DATA_DIR=/var/lib/{said(unit, 'StateDirectory')[0]}" in said(unit, "Environment")


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_listens_to_what_we_tell(unit: str) -> None:
    """app/supervision.py: ready, stopping, and the watchdog longer than a loop may stand still."""
    assert said(unit, "Type") == ["notify"]
    assert said(unit, "NotifyAccess") == ["main"]
    assert int(said(unit, "WatchdogSec")[0]) > 15
    assert said(unit, "Restart") == ["always"]
    assert said(unit, "StartLimitIntervalSec") == ["0"]


def test_the_target_has_every_role_and_no_port_twice() -> None:
    assert {role for role, _ in instances()} == set(Role)
    ports = [port for _, port in instances()]
    assert len(ports) == len(set(ports))
    counted = [role for role, _ in instances()]
    assert [counted.count(role) for role in ("api", "router", "notifier", "monitor")] == [2, 2, 2, 1]


@pytest.mark.parametrize(("role", "port"), instances())
def test_an_instance_starts_its_role_on_its_port(role: str, port: int, tmp_path: Path) -> None:
    """The shell line with systemd's own signs taken away, and a program that tells how it was started."""
    program = tmp_path / "gridcall"
    program.write_text('#!/bin/sh\necho "$* on $GRIDCALL_HTTP_PORT, $$"\n')
    program.chmod(0o755)
    line = said("gridcall@.service", "ExecStart")[0].replace("%i", f"{role}-{port}")
    words = [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(line)]
    command = [word.replace(INSTALLED, str(program)) for word in words]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate(timeout=10)
    assert out.strip() == f"{role} on {port}, {process.pid}"  # the same process: systemd hears only that one


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_waits_until_the_host_knows_the_time(unit: str) -> None:
    assert all("time-sync.target" in " ".join(said(unit, name)).split() for name in ("After", "Wants"))


def test_the_single_unit_serves() -> None:
    assert said("gridcall.service", "ExecStart") == [f"{INSTALLED} serve"]


@pytest.mark.service("systemd-analyze")
@pytest.mark.parametrize("unit", SERVICES)
def test_systemd_understands_them(unit: str, tmp_path: Path) -> None:
    name = unit.replace("@", "@api-8080")
    text = (UNITS / unit).read_text().replace(INSTALLED, "/bin/true")
    (tmp_path / name).write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE))
    for target in ("gridcall.target",):
        (tmp_path / target).write_text((UNITS / target).read_text().split("Wants")[0])
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in ended.stderr.splitlines() if "gridcall" in line]
    assert complaints == []


# --- the way through docs/operating.md ------------------------------------------------------------------------------

SECRETS = "/etc/gridcall/secrets/"
# Told by the stand-in for each: what was typed. `python3` and `.venv/bin/python` only set up.
STAND_INS = ("apt-get", "python3", "useradd", "runuser", "rabbitmqctl", "systemctl", "curl")


def walk() -> list[str]:
    """The blocks for the shell, in order."""
    section = (ROOT / "docs" / "operating.md").read_text().split("\n### systemd\n")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def test_the_walk_writes_what_the_units_read() -> None:
    loaded = {line.split(":")[1] for line in said("gridcall@.service", "LoadCredential")}
    assert set(re.findall(rf"> ({SECRETS}\w+)$", "\n".join(walk()), re.MULTILINE)) == loaded
    [given] = re.findall(r"^for secret in (.*); do$", (UNITS / "gridcall").read_text(), re.MULTILINE)
    assert {f"{SECRETS}{name}" for name in given.split()} == loaded
    assert said("gridcall@.service", "EnvironmentFile")[0] in "\n".join(walk())


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """An empty machine: a checkout in /opt/gridcall, and programs that only say how they were started."""
    for name in STAND_INS:
        program(tmp_path / "bin" / name, f'echo "{name} $*" >> {tmp_path}/typed')
    program(tmp_path / "bin" / "openssl", "echo 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
    program(tmp_path / "bin" / "setpriv", 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"')
    checkout = tmp_path / "opt" / "gridcall"
    program(checkout / ".venv" / "bin" / "gridcall", f'exec {shlex.quote(sys.executable)} -m app.cli "$@"')
    program(checkout / ".venv" / "bin" / "python", "exit 0")
    for file in [*UNITS.iterdir(), ROOT / "config" / "example_roster.yaml"]:
        copy = checkout / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(on(tmp_path, file.read_text()))
    for folder in ("etc/systemd/system", "usr/local/sbin"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def on(host: Path, text: str) -> str:
    """The machine's places in the test's folder, and no owners: a test need not be root."""
    text = re.sub(r"(?<![\w.])/(etc|opt|var|usr/local)/", rf"{host}/\1/", text)
    return re.sub(r" -[og] gridcall\b", "", text)


@pytest.mark.service("postgresql")
def test_the_walk_leads_to_a_roster_and_a_key(host: Path) -> None:
    with postgres.server() as server, postgres.database(server) as url:
        code, servers, units, first = walk()
        there = f"echo {shlex.quote(url)} > {SECRETS}database_url\n"
        path = f"{host}/bin:{host}/usr/local/sbin:{environment()['PATH']}"
        ended = subprocess.run(
            ["sh", "-euc", on(host, code + servers + there + units + first + "gridcall keys list\n")],
            env=environment(PATH=path),
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert "roster.yaml is in force, as version 1" in ended.stdout
    assert re.search(r"^gck_\S+$", ended.stdout, re.MULTILINE)
    assert re.search(r"^root\s+admin", ended.stdout, re.MULTILINE)
    assert "systemctl enable --now gridcall.target" in (host / "typed").read_text()
    installed = {path.name for path in (host / "etc" / "systemd" / "system").iterdir()}
    assert installed == {*SERVICES, "gridcall.target"}
    files = [path for path in (host / "etc" / "gridcall").rglob("*") if path.is_file()]
    assert {path.name for path in files if path.stat().st_mode & 0o077} == {"roster.yaml"}
    assert not list(host.rglob("*.db")), "it went to the server"


def test_without_secrets_the_command_line_is_that_of_the_single_process(host: Path) -> None:
    """Its settings may have what the shell minds, and its files are where gridcall.service looks for them."""
    settings = host / "etc" / "gridcall" / "gridcall.env"
    settings.parent.mkdir()
    settings.write_text((UNITS / "gridcall.env").read_text() + "GRIDCALL_TWILIO_DESTINATIONS='+1, !+1900'\n")
    ended = subprocess.run(
        ["sh", str(host / "opt" / "gridcall" / "deploy" / "systemd" / "gridcall"), "migrate"],
        env=environment(PATH=f"{host}/bin:{environment()['PATH']}"),
        cwd=host,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert f"{host}/var/lib/gridcall/gridcall.db is made" in ended.stdout
