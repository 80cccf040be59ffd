"""GRIDCALL_TEST_SERVICES decides what becomes of tests whose service is missing. Each test here runs a small pytest."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import services

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]

STORY = """
import pytest

@pytest.mark.service("alertmanager")
def test_with_a_mark():
    pass

@pytest.mark.service("alertmanager")
def test_with_mark_and_fixture(alertmanager_binary):
    assert alertmanager_binary.exists()

def test_with_a_fixture(vendor_specs):
    assert vendor_specs.is_dir()

def test_alone():
    pass
"""


LEFT_OUT = ("asyncio", "timeout", "xdist", "hypothesispytest", "anyio", "cacheprovider")  # ours are at work outside


@pytest.fixture
def play(tmp_path, pytester, monkeypatch):
    """Runs the given test file with this wish; returns pytest's exit code and what it printed.

    In this process, which has everything loaded; with options of xdist in one of its own.
    """
    (pytester.path / "pytest.ini").write_text("[pytest]\nmarkers = service(name): as in the project\n")
    (tmp_path / "bin").mkdir()

    def run(text: str, wish: str, *options: str) -> tuple[int, str]:
        pytester.makepyfile(test_story=text)
        environment = {
            "PATH": str(tmp_path / "bin"),
            "PYTHONPATH": str(ROOT),
            "GRIDCALL_TEST_SERVICES": wish,
            "GRIDCALL_VENDOR_SPECS": str(tmp_path / "specs"),
            "COLUMNS": "200",
        }
        words = ["-q", "-p", "tests.conftest", "-p", "no:schemathesis"]
        if options:
            command = [sys.executable, "-m", "pytest", *words, "-p", "no:asyncio", *options]
            ended = subprocess.run(
                command, cwd=pytester.path, env=environment, capture_output=True, text=True, check=False
            )
            return ended.returncode, ended.stdout + ended.stderr
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        found = pytester.runpytest_inprocess(*words, *(f"-pno:{name}" for name in LEFT_OUT))
        return found.ret, "\n".join([*found.outlines, *found.errlines])

    return run


def provide(folder: Path) -> None:
    program = folder / "bin" / "alertmanager"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (folder / "specs").mkdir()


processes = pytest.mark.parametrize(
    "options",
    [pytest.param((), id="one process"), pytest.param(("-n", "2"), marks=pytest.mark.long, id="xdist")],
)


@processes
def test_find_skips_what_is_missing_and_says_so_last(play, options):
    code, output = play(STORY, "find", *options)
    assert code == 0
    *_, first, second, closing = output.strip().splitlines()
    assert {first, second} == {
        "NOT RUN: 2 tests, alertmanager not found (apt-get install prometheus-alertmanager)",
        "NOT RUN: 1 test, vendor-specs not found "
        "(put the vendors' API descriptions in ../shared/vendor-specs or name their folder in GRIDCALL_VENDOR_SPECS)",
    }
    assert closing.startswith("1 passed, 3 skipped")


def test_find_runs_what_is_there(play, tmp_path):
    provide(tmp_path)
    code, output = play(STORY, "find")
    assert code == 0
    assert output.strip().splitlines()[-1].startswith("4 passed")
    assert "NOT RUN" not in output


def test_none_skips_what_is_there(play, tmp_path):
    provide(tmp_path)
    code, output = play(STORY, "none")
    assert code == 0
    assert "NOT RUN: 2 tests, alertmanager switched off by GRIDCALL_TEST_SERVICES=none" in output
    assert output.strip().splitlines()[-1].startswith("1 passed, 3 skipped")


@processes
def test_require_fails_for_what_is_missing(play, options):
    code, output = play(STORY, "require", *options)
    assert code == 1
    assert "alertmanager not found: apt-get install prometheus-alertmanager" in output
    assert "vendor-specs not found: put the vendors' API descriptions in" in output
    assert output.strip().splitlines()[-1].startswith("1 passed, 3 errors")


@pytest.mark.long
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import pytest\n\ndef test_it():\n    pytest.skip('not today')\n", "not today"),
        ("import pytest\n\n@pytest.mark.skipif(True, reason='never')\ndef test_it():\n    pass\n", "never"),
        ("import pytest\n\npytest.importorskip('no_such_package')\n", "no_such_package"),
    ],
    ids=["skip", "mark", "module"],
)
def test_require_allows_no_other_skip(play, text, reason):
    code, output = play(text, "require")
    assert code != 0
    assert "GRIDCALL_TEST_SERVICES=require allows no skip" in output
    assert reason in output


def test_require_allows_an_expected_failure(play):
    code, output = play("import pytest\n\n@pytest.mark.xfail\ndef test_it():\n    assert not 1\n", "require")
    assert code == 0, output


def test_an_unknown_wish_is_an_error(play):
    code, output = play(STORY, "sometimes")
    assert code == 4
    assert "GRIDCALL_TEST_SERVICES is 'sometimes', and can only be one of: none, find, require" in output
    assert "Traceback" not in output


def test_an_unknown_service_is_an_error(play):
    code, output = play("import pytest\n\n@pytest.mark.service('fax')\ndef test_it():\n    pass\n", "find")
    assert code == 1
    assert f"no service is called 'fax', only: {', '.join(services.SERVICES)}" in output


def test_a_variable_that_names_no_folder_counts_as_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("GRIDCALL_VENDOR_SPECS", str(tmp_path / "nowhere"))
    assert services.SERVICES["vendor-specs"].find() is None


def test_the_list_names_every_service(monkeypatch, capsys):
    monkeypatch.setenv("GRIDCALL_TEST_SERVICES", "find")
    services.main()
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[1:]] == list(services.SERVICES)


def test_a_pytest_of_one_test_loads_neither_descriptions_nor_queue():
    """Each start of pytest pays for what conftest loads, also that of a single test."""
    code = "import sys, tests.conftest; print(sys.modules.keys() & {'openapi_core', 'jsonschema_rs', 'aio_pika'} or '')"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.strip() == ""
