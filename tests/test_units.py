"""The units for systemd say what there is: settings, verbs, ports, credentials; their commands start."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from app.roles import Role
from config.settings import PREFIX, Settings
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
