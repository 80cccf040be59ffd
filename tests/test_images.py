"""Dockerfile and compose.yaml, without an engine: what they say is compared with the code, and what can run is run.

The image is a folder here: the files that COPY takes, an interpreter of its own, the RUN lines carried out in it. Then
the cluster's commands start with the cluster's settings, against a PostgreSQL and a RabbitMQ of the tests.
"""

import fnmatch
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer
import yaml

from app.cli import cli
from app.roles import Role
from config.settings import PREFIX, Settings
from intake.examples import example
from model.clock import SystemClock
from tests import postgres
from tests.demo_process import ROOT, ROSTER, environment, free_port, until
from tests.rabbit_node import RabbitNode

SECRET = "long-enough-to-be-one-"
SECRETS = "/run/secrets/"
ON_THE_MACHINE = ("useradd",)  # what would change the machine itself is not carried out


# --- the Dockerfile -------------------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """("RUN", "pip install …") and so on, in order, lines that go on joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(kind, rest.strip()) for kind, _, rest in (line.partition(" ") for line in lines if line.strip())]


def said(kind: str) -> list[str]:
    return [rest for found, rest in instructions() if found == kind]


def image_environment() -> dict[str, str]:
    return dict(word.split("=", 1) for line in said("ENV") for word in shlex.split(line))


def verbs() -> set[str]:
    top: Any = typer.main.get_command(cli)
    return set(top.commands)


def setting_of(variable: str) -> str:
    return variable.removeprefix(PREFIX).removesuffix("_FILE").lower()


def test_the_image_names_settings_ports_and_folders_that_are_ours() -> None:
    given = {name: value for name, value in image_environment().items() if name.startswith(PREFIX)}
    assert {setting_of(name) for name in given} <= set(Settings.model_fields)
    assert said("VOLUME") == [given["GRIDCALL_DATA_DIR"]]
    port = str(Settings.model_fields["http_port"].default)
    assert (said("EXPOSE"), given["GRIDCALL_HTTP_PORT"]) == ([port], port)
    program, verb = json.loads(said("CMD")[0])
    assert (program, verb in verbs()) == ("gridcall", True)


def test_the_image_does_not_run_as_root() -> None:
    kinds = [kind for kind, _ in instructions()]
    user = said("USER")[-1]
    assert user not in ("root", "0")
    assert any(re.search(rf"useradd .*--uid \d{{4,}} .*{user}$", line) for line in said("RUN"))
    assert kinds.index("USER") > max(at for at, kind in enumerate(kinds) if kind in ("RUN", "COPY"))


def test_the_code_comes_after_the_packages() -> None:
    """A change of the code alone makes one small layer."""
    copied = [rest for kind, rest in instructions() if kind in ("RUN", "COPY")]
    assert copied.index("requirements.lock ./") < copied.index(". .")
    assert "pip install" in copied[copied.index("requirements.lock ./") + 1]


# --- compose.yaml ---------------------------------------------------------------------------------------------------


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text()))


def ours() -> dict[str, Any]:
    """The services that are processes of Gridcall."""
    return {name: s for name, s in compose()["services"].items() if s["image"] == "gridcall"}


def test_the_cluster_has_two_of_each_role_and_one_monitor() -> None:
    roles = {name: service for name, service in ours().items() if name in set(Role)}
    assert {name: s["deploy"]["replicas"] for name, s in roles.items()} == {
        "api": 2,
        "router": 2,
        "notifier": 2,
        "monitor": 1,
    }
    assert all(service["command"] == ["gridcall", name] for name, service in roles.items())
    assert all(service["restart"] == "unless-stopped" for service in roles.values())
    assert ours().keys() - roles.keys() == {"migrate", "roster"}


@pytest.mark.parametrize("name", compose()["services"])
def test_no_log_grows_without_end(name: str) -> None:
    assert compose()["services"][name]["logging"] == {"driver": "local"}


@pytest.mark.parametrize("name", ours())
def test_a_process_is_given_what_there_is(name: str) -> None:
    whole, service = compose(), ours()[name]
    given = set(service["environment"]) - {"FORWARDED_ALLOW_IPS"}  # the server's own
    assert {setting_of(variable) for variable in given} <= set(Settings.model_fields)
    files = {v.removeprefix(SECRETS) for n, v in service["environment"].items() if n.endswith("_FILE")}
    assert files == set(service["secrets"]) <= set(whole["secrets"])
    assert service["volumes"] == [f"data:{image_environment()['GRIDCALL_DATA_DIR']}"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["command"][1] in verbs()
    assert set(service["depends_on"]) <= set(whole["services"])


def test_no_secret_stands_in_an_environment() -> None:
    hidden = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    for service in ours().values():
        assert [v for v in service["environment"] if setting_of(v) in hidden and not v.endswith("_FILE")] == []


def test_everything_named_is_declared() -> None:
    whole = compose()
    for service in whole["services"].values():
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in whole["volumes"]
        for secret in service.get("secrets", ()):
            assert (secret if isinstance(secret, str) else secret["source"]) in whole["secrets"]
        for config in service.get("configs", ()):
            assert config["source"] in whole["configs"]
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {str(Path(secret["file"]).parent) for secret in whole["secrets"].values()} == {"secrets"}
    assert "/secrets/" in ignored
    assert "secrets" in (ROOT / ".dockerignore").read_text().split()


def test_each_api_process_has_a_port_of_the_host() -> None:
    api = ours()["api"]
    (first, last, inside) = re.fullmatch(r"127\.0\.0\.1:(\d+)-(\d+):(\d+)", api["ports"][0]).groups()  # type: ignore[union-attr]
    assert int(last) - int(first) + 1 == api["deploy"]["replicas"]
    assert [inside] == said("EXPOSE")


# --- carried out ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Image:
    root: Path
    programs: Path

    def environment(self, **more: str) -> dict[str, str]:
        plain = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
        path = f"{self.programs}{os.pathsep}{plain['PATH']}"
        return plain | image_environment() | {"PATH": path, "VIRTUAL_ENV": str(self.programs.parent)} | more


def taken(folder: str, names: list[str]) -> set[str]:
    """What COPY leaves out, by .dockerignore."""
    patterns = (ROOT / ".dockerignore").read_text().split()
    paths = {name: (Path(folder) / name).relative_to(ROOT) for name in names}
    return {
        name
        for name, path in paths.items()
        for pattern in patterns
        if fnmatch.fnmatch(name if pattern.startswith("**/") else str(path), pattern.removeprefix("**/"))
    }


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("image")
    root = folder / said("WORKDIR")[0].lstrip("/")
    venv = folder / "usr"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    packages = next(venv.glob("lib/python*/site-packages"))
    (packages / "of_the_tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    pip = venv / "bin" / "pip"
    pip.write_text('#!/bin/sh\nexec python -m pip "$@"\n')
    pip.chmod(0o755)
    made = Image(root, venv / "bin")
    for kind, rest in instructions():
        if kind == "COPY":
            source, target = rest.split()
            root.mkdir(parents=True, exist_ok=True)
            if source == ".":
                shutil.copytree(ROOT, root / target, ignore=taken, dirs_exist_ok=True)  # type: ignore[arg-type]
            else:
                shutil.copy(ROOT / source, root / target)
        elif kind == "RUN" and not rest.startswith(ON_THE_MACHINE):
            ended = subprocess.run(
                ["sh", "-euc", rest], cwd=root, env=made.environment(), capture_output=True, text=True, check=False
            )
            assert ended.returncode == 0, f"{rest}: {ended.stdout}{ended.stderr}"
    return made


@pytest.mark.long
def test_the_image_has_the_code_and_nothing_else(image: Image) -> None:
    there = {path.name for path in image.root.iterdir()}
    assert {"app", "broker", "config", "store", "bootstrap.py", "requirements.lock", "pyproject.toml"} <= there
    assert not there & {
        "tests",
        "docs",
        "bench",
        "deploy",
        "var",
        "secrets",
        ".git",
        ".venv",
        "compose.yaml",
        "README.md",
    }
    where = [str(image.programs / "python"), "-c", "import app; print(app.__path__[0])"]
    found = subprocess.run(
        where, env=image.environment(), cwd=image.root.parent, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(image.root / "app")
    assert list((image.root / "app" / "__pycache__").glob("serve.*.pyc"))


@pytest.mark.long
def test_the_image_runs_its_command_and_checks_its_health(image: Image, tmp_path: Path) -> None:
    port = str(free_port())
    settings = image.environment(
        GRIDCALL_DATA_DIR=str(tmp_path), GRIDCALL_HTTP_PORT=port, GRIDCALL_ROSTER=str(own_roster(tmp_path))
    )
    with started(image, json.loads(said("CMD")[0]), settings, tmp_path / "log"):
        until("the image is healthy", 40, lambda: healthy(image, settings))
    assert not healthy(image, settings)


def healthy(image: Image, settings: dict[str, str]) -> bool:
    """The command of HEALTHCHECK, in the container's place."""
    command = json.loads(said("HEALTHCHECK")[0].split("CMD", 1)[1])
    return subprocess.run(command, env=settings, cwd=image.root, capture_output=True, check=False).returncode == 0


@contextmanager
def started(image: Image, command: list[str], settings: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=settings, cwd=image.root, stdout=out, stderr=out)
    try:
        yield
        assert process.poll() is None, log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0, log.read_text()
    finally:
        process.kill()
        process.wait(10)


def own_roster(folder: Path) -> Path:
    path = folder / "roster.yaml"
    text = re.sub(r"heartbeat: \{.*\}", "heartbeat: none", ROSTER.read_text())
    path.write_text(text.replace("secret: demo-", f"secret: {SECRET}"))
    return path


def settings_of(name: str, image: Image, folder: Path, given: dict[str, str]) -> dict[str, str]:
    """As compose hands them to a container: without a `.env`, secrets in files, the volume mounted."""
    found = {}
    for variable, value in ours()[name]["environment"].items():
        plain = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        assert "$" not in plain
        if plain.startswith(SECRETS):
            file = folder / plain.removeprefix(SECRETS)
            file.write_text(given.get(file.name, ""))
            plain = str(file)
        found[variable] = plain
    mounted = {"GRIDCALL_DATA_DIR": str(folder / "data"), "GRIDCALL_HTTP_PORT": str(free_port())}
    return image.environment(**found, **mounted)


@pytest.mark.service("postgresql")
@pytest.mark.long
@pytest.mark.timeout(180)
def test_the_cluster_takes_an_event(image: Image, rabbit_node: RabbitNode, tmp_path: Path) -> None:
    with postgres.server() as server, postgres.database(server) as url, ExitStack() as stack:
        given = {"database_url": url, "amqp_url": rabbit_node.url, "installation_key": secrets.token_hex(32)}
        (tmp_path / "data").mkdir()
        for name in ("migrate", "roster"):
            config = next(iter(ours()[name].get("configs", ())), {}).get("target")
            command = [str(own_roster(tmp_path)) if word == config else word for word in ours()[name]["command"]]
            settings = settings_of(name, image, tmp_path, given)
            ended = subprocess.run(command, env=settings, cwd=image.root, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stdout + ended.stderr
        settings = {role: settings_of(role, image, tmp_path, given) for role in Role}
        for role in Role:
            stack.enter_context(started(image, ours()[role]["command"], settings[role], tmp_path / f"{role}.log"))
        for role in Role:
            until(f"{role} is healthy", 60, lambda role=role: healthy(image, settings[role]))
        api = f"http://127.0.0.1:{settings[Role.API]['GRIDCALL_HTTP_PORT']}"
        answer = httpx2.post(
            f"{api}/v1/events",
            json=example("edr", SystemClock().now(), "E-1"),
            headers={"Authorization": f"Bearer {SECRET}upstream", "Prefer": "wait=20"},
            timeout=30,
        )
        assert (answer.status_code, answer.json()["durable"], answer.json()["revision"]) == (202, "broker", 1)
        until("ready", 20, lambda: httpx2.get(f"{api}/readyz").status_code == 200)
        assert len(list((tmp_path / "data" / "spool").glob("*.db"))) == len(Role)
