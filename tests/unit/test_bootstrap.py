"""Set-up either works, or says in one sentence what is missing; an interrupted one is noticed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap
from bootstrap import Environment, Interpreter, Missing

ROOT = Path(bootstrap.__file__).parent


def python(version: str, has_venv: bool = True, command: str = "/usr/bin/python3") -> Interpreter:
    return Interpreter(command, tuple(int(part) for part in version.split(".")), has_venv)


@pytest.fixture
def checkout(tmp_path) -> Environment:
    """A checkout whose .venv claims to be made for development. Its Python is the one that runs this test."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "requirements.lock").write_text("")
    (tmp_path / "requirements-dev.lock").write_text("")
    environment = Environment(tmp_path)
    environment.python.parent.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    stamp(environment, "dev")
    return environment


def stamp(environment: Environment, level: str) -> None:
    facts = {"root": str(environment.root), "level": level, "digest": environment.digest(level)}
    environment.stamp.write_text(json.dumps(facts))


def test_an_old_python_is_named_with_the_way_out():
    with pytest.raises(Missing) as missing:
        bootstrap.choose([python("3.8.18"), python("3.9.2")])
    assert str(missing.value) == (
        "Gridcall needs Python 3.11 or newer, found 3.9.2: install one, e.g. apt-get install python3.11, "
        "or set PYTHON=/path/to/python"
    )


def test_no_python_at_all():
    with pytest.raises(Missing, match=r"^Gridcall needs Python 3\.11 or newer, found none: install one"):
        bootstrap.choose([])


@pytest.mark.parametrize(
    ("command", "package"),
    [("/usr/bin/python3", "python3-venv"), ("/usr/bin/python3.12", "python3.12-venv"), ("/opt/py", "python3-venv")],
)
def test_a_python_without_venv_is_named_with_the_package(command, package):
    with pytest.raises(Missing) as missing:
        bootstrap.choose([python("3.12.1", has_venv=False, command=command)])
    assert str(missing.value) == (
        f"Gridcall needs Python's venv module, which {command} (3.12.1) came without: apt-get install {package}, "
        "or set PYTHON=/path/to/python"
    )


def test_the_first_that_is_new_enough_and_whole_is_taken():
    wanted = python("3.11.0")
    assert bootstrap.choose([python("3.10.13"), python("3.13.0", has_venv=False), wanted, python("3.12.1")]) == wanted


def test_the_wished_python_goes_first_and_the_activated_venv_does_not_count(tmp_path):
    venv, system = tmp_path / ".venv", tmp_path / "system"
    for program in (venv / "bin" / "python3", system / "python3", system / "python3.12", system / "wished"):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch(mode=0o755)
    found = bootstrap.candidates(str(system / "wished"), f"{venv}/bin:{system}", venv)
    assert found == [str(system / "wished"), str(system / "python3"), str(system / "python3.12")]


def test_probe_reads_a_real_python_and_passes_over_what_does_not_start(tmp_path):
    assert bootstrap.probe(sys.executable) == Interpreter(sys.executable, sys.version_info[:3], True)
    assert bootstrap.probe(str(tmp_path / "missing")) is None
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert bootstrap.probe(str(shim)) is None


def test_a_stamp_for_development_serves_both(checkout):
    assert checkout.is_ready("dev")
    assert checkout.is_ready("run")


def test_a_stamp_for_running_does_not_serve_development(checkout):
    stamp(checkout, "run")
    assert checkout.is_ready("run")
    assert not checkout.is_ready("dev")


@pytest.mark.parametrize("name", ["requirements-dev.lock", "pyproject.toml"])
def test_what_the_environment_was_made_from_has_changed(checkout, name):
    (checkout.root / name).write_text("# another\n")
    assert not checkout.is_ready("dev")
    assert checkout.made_as() is not None  # whole, so bringing it up to date is enough


@pytest.mark.parametrize("content", [None, "", "{}", '{"level": "all"}'], ids=["none", "empty", "bare", "unknown"])
def test_a_half_made_environment_is_noticed(checkout, content):
    checkout.stamp.unlink()
    if content is not None:
        checkout.stamp.write_text(content)
    assert not checkout.is_ready("run")
    assert checkout.made_as() is None


def test_an_environment_that_lost_its_python_or_was_moved_is_noticed(checkout, tmp_path):
    checkout.python.unlink()
    checkout.python.symlink_to(tmp_path / "gone")
    assert checkout.made_as() is None
    checkout.python.unlink()
    checkout.python.symlink_to(sys.executable)
    assert checkout.made_as() is not None
    checkout.folder.rename(tmp_path / "elsewhere")
    (tmp_path / "another").mkdir()
    (tmp_path / "elsewhere").rename(tmp_path / "another" / ".venv")
    assert Environment(tmp_path / "another").made_as() is None


def test_a_set_up_that_fails_leaves_no_stamp(checkout, monkeypatch):
    (checkout.root / "pyproject.toml").write_text("# another\n")
    monkeypatch.setattr(bootstrap, "run", lambda command: (False, "ERROR: no space left"))
    with pytest.raises(Missing, match=r"^pip could not install requirements-dev\.lock \(no space left\): see"):
        checkout.set_up("run")
    assert checkout.made_as() is None


def test_no_package_index_is_told_in_one_sentence():
    output = (
        "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken\n"
        "ERROR: Could not find a version that satisfies the requirement aiohttp==3.14.5 (from versions: none)\n"
        "ERROR: No matching distribution found for aiohttp==3.14.5\n"
    )
    assert bootstrap.pip_failure(output, "requirements.lock") == (
        "No package index could be reached (No matching distribution found for aiohttp==3.14.5): check the network and "
        "what `python3 -m pip config list` prints, then run: make setup"
    )


@pytest.mark.long
def test_a_real_set_up_makes_the_command_and_is_not_repeated(tmp_path, monkeypatch, capfd):
    """From nothing, in a folder with a space, with empty locks; then a second time, when it has nothing to do."""
    root = tmp_path / "grid call"
    (root / "app").mkdir(parents=True)
    (root / "app" / "__init__.py").touch()
    (root / "app" / "cli.py").write_text("import sys\n\ndef main():\n    print('called with', *sys.argv[1:])\n")
    (root / "pyproject.toml").touch()
    (root / "requirements.lock").write_text("# nothing\n")
    monkeypatch.setattr(bootstrap, "__file__", str(root / "bootstrap.py"))
    (root / "bootstrap.py").touch()

    assert bootstrap.main(["run"]) == 0
    assert "Installing 0 packages from requirements.lock" in capfd.readouterr().out
    command = [root / ".venv" / "bin" / "gridcall", "serve", "--demo"]
    assert subprocess.check_output(command, text=True) == "called with serve --demo\n"

    assert bootstrap.main(["run"]) == 0
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-otel.lock", "requirements-dev.lock"])
def test_the_locks_hold_versions_and_hashes_and_no_address(name):
    for line in (ROOT / name).read_text().splitlines():
        assert "://" not in line
        assert line.startswith("    --hash=sha256:") or "==" in line, line


def test_make_alone_lists_every_verb():
    printed = subprocess.check_output(["make", "--no-print-directory"], cwd=ROOT, text=True)
    verbs = "help setup run demo test test-long crash lint sim bench services lock clean"
    assert [line.split()[1] for line in printed.splitlines()] == verbs.split()
