"""The documents say what there is, and nothing that is not; what they tell people to type works."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer

from app import greeting, lengths
from app.cli import cli
from app.commands.client import DEFAULT_URL
from app.serve import DEMO_ROSTER, read_roster
from config.settings import CONFIG, Settings
from model.plan import State
from routing import capacity
from tests.demo_process import ROOT, Demo, environment, running, until

DOCS = ROOT / "docs"
STANDINS_URL = "http://127.0.0.1:8090"
PICTURE_BYTES = 200_000
NOT_OURS = {".git", ".venv", "var", "dist", "__pycache__"}

FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ROUTE = re.compile(r"`(GET|HEAD|POST|PUT|DELETE|PATCH) (/[^`?\s]*)")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def documents() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def named(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def all_docs() -> str:
    return "\n".join(map(text, documents()))


# --- what there is, is described ------------------------------------------------------------------------------------


def test_the_table_of_lines_is_what_the_code_counts() -> None:
    assert "\n".join(capacity.table()) in text(DOCS / "operating.md"), "gridcall capacity --table"


def test_the_table_of_lengths_is_what_the_words_measure() -> None:
    roster = read_roster(DEMO_ROSTER).roster
    assert "\n".join(lengths.table(roster)) in text(DOCS / "operating.md"), "gridcall say --lengths"


def test_every_setting_is_described() -> None:
    wanted = [f"GRIDCALL_{name.upper()}" for name in Settings.model_fields] + [CONFIG, "GRIDCALL_URL", "GRIDCALL_KEY"]
    assert [name for name in wanted if f"`{name}" not in all_docs()] == []


def test_every_state_is_described() -> None:
    rows = set(re.findall(r"^\| ([A-Z]+) \| \S", text(DOCS / "glossary.md"), re.MULTILINE))
    assert rows == {state.name for state in State}


def routes(demo: Demo) -> set[tuple[str, str]]:
    """("GET", "/v1/events") of everything the service describes itself."""
    described: dict[str, dict[str, Any]] = httpx2.get(f"{demo.api}/openapi.json").json()["paths"]
    return {(method.upper(), path) for path, methods in described.items() for method in methods}


def test_every_route_is_described_and_no_other(demo: Demo) -> None:
    found = {match for name in ("api.md", "sending.md") for match in ROUTE.findall(text(DOCS / name))}
    assert found == routes(demo)


def test_every_metric_is_described_and_no_other(demo: Demo) -> None:
    shown = httpx2.get(f"{demo.api}/metrics").text
    assert set(re.findall(r"`(gridcall_\w+)`", text(DOCS / "operating.md"))) == {
        name for name in re.findall(r"^# TYPE (gridcall_\w+)", shown, re.MULTILINE) if not name.endswith("_created")
    }


def commands() -> dict[str, Any]:
    """ "serve", "unreadable list": every verb that can be typed."""
    found: dict[str, Any] = {}
    top: Any = typer.main.get_command(cli)
    for name, command in top.commands.items():
        below = getattr(command, "commands", {})
        found |= {f"{name} {second}": leaf for second, leaf in below.items()} or {name: command}
    return found


def test_every_verb_is_described_and_no_other() -> None:
    rows = re.findall(r"^\| `gridcall ([a-z ]*[a-z])\b", text(DOCS / "cli.md"), re.MULTILINE)
    assert sorted(rows) == sorted(commands())


def test_verbs_are_described_with_options_they_have() -> None:
    wrong = [
        f"gridcall {verb} {option}"
        for verb, row in re.findall(r"^\| `gridcall ([a-z ]*[a-z])\b(.*)$", text(DOCS / "cli.md"), re.MULTILINE)
        for option in re.findall(r"--[a-z-]+", row)
        if option not in {name for parameter in commands()[verb].params for name in parameter.opts}
    ]
    assert wrong == []


def typed() -> str:
    """What stands in backticks or in a block for the shell."""
    shown = all_docs()
    blocks = [body for kind, body in FENCE.findall(shown) if kind.split(" ")[0] in ("", "sh")]
    return "\n".join([*re.findall(r"`([^`\n]+)`", FENCE.sub("", shown)), *blocks])


def test_verbs_that_are_mentioned_exist() -> None:
    known = {name.split()[0] for name in commands()}
    of_others = r"(?<!/)(?<!=)(?<!-[gop] )"  # a user, a group, a virtual host of that name
    assert set(re.findall(rf"{of_others}\bgridcall ([a-z]+)", typed())) - known == set()


def test_verbs_of_make_that_are_mentioned_exist() -> None:
    known = set(re.findall(r"^([a-z]+):.*## ", text(ROOT / "Makefile"), re.MULTILINE))
    assert {"setup", "run", "demo", "test", "lint", "bench", "clean"} <= known
    assert set(re.findall(r"\bmake ([a-z]+)", typed())) - known == set()


# --- the documents hold together ------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def linked(path: Path) -> list[tuple[Path, str]]:
    """(file, anchor) of every link into the tree."""
    targets = [t for t in LINK.findall(FENCE.sub("", text(path))) if not re.match(r"[a-z]+:", t)]
    parted = [target.partition("#") for target in targets]
    return [((path.parent / file).resolve() if file else path, anchor) for file, _, anchor in parted]


@pytest.mark.parametrize("name", named(documents()))
def test_links_resolve(name: str) -> None:
    for file, anchor in linked(ROOT / name):
        assert file.exists(), f"{file} does not exist"
        assert not anchor or anchor in anchors(file), f"{file} has no heading {anchor}"


def test_the_front_door_leads_everywhere() -> None:
    """Each document can be reached from README by links."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        reached.add(path)
        waiting += [file for file, _ in linked(path) if file.suffix == ".md" and file not in reached]
        waiting += [file for folder, _ in linked(path) if folder.is_dir() for file in folder.glob("*.md")]
        waiting = [file for file in waiting if file not in reached]
    assert named(sorted(set(documents()) - reached)) == []


def test_pictures_are_small() -> None:
    pictures = list((DOCS / "images").iterdir())
    assert pictures
    assert [p.name for p in pictures if p.stat().st_size >= PICTURE_BYTES] == []


@pytest.mark.parametrize("name", named(sorted((DOCS / "decisions").glob("*.md"))))
def test_decisions_have_one_form(name: str) -> None:
    headings = re.findall(r"^#+ (.+)$", text(ROOT / name), re.MULTILINE)
    assert headings[0].startswith(f"{int(Path(name).name[:4])}. ")
    assert headings[1:] == ["Context", "Options", "Outcome", "What gets worse"]


# Put together here, so that this file does not hold them.
FORBIDDEN = [
    ".".join(parts)
    for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("golang", "org"))
] + ["/".join(("", *parts)) for parts in (("root", ""), ("work", ""), ("tmp", "h"), ("home", ""), ("Users", ""))]


def tree() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in NOT_OURS and not f.endswith("_cache") and f != ".hypothesis"]
        yield from (Path(folder) / file for file in files if file != ".git")


def test_nothing_names_a_registry_or_a_place_of_one_machine() -> None:
    """The index is the machine's own affair, and no path holds on two machines."""
    wrong = []
    for path in tree():
        content = path.read_bytes()
        wrong += [f"{path.relative_to(ROOT)}: {word}" for word in FORBIDDEN if word.encode() in content]
    assert wrong == []


# --- what README tells people to type works -------------------------------------------------------------------------


def runnable() -> list[str]:
    return [body.strip() for kind, body in FENCE.findall(text(ROOT / "README.md")) if kind == "sh runnable"]


PASTE, *OTHERS = runnable()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `.venv/bin/gridcall` works, as in one in which `make run` was typed."""
    folder = tmp_path_factory.mktemp("checkout")
    program = folder / ".venv" / "bin" / "gridcall"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m app.cli "$@"\n')
    program.chmod(0o755)
    return folder


def typing(commands: str, folder: Path, demo: Demo) -> str:
    """What the commands print, with this demo's addresses in place of the usual ones."""
    here = commands.replace(DEFAULT_URL, demo.api).replace(STANDINS_URL, demo.standins)
    ended = subprocess.run(
        ["sh", "-euc", here],
        cwd=folder,
        env=environment(GRIDCALL_URL=demo.api),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout


@pytest.mark.service("curl")
def test_the_pasted_line_rings_a_phone(demo: Demo, checkout: Path) -> None:
    before = len(demo.messages())
    assert json.loads(typing(PASTE, checkout, demo))["rings"] is True

    def rung() -> list[str]:
        return [m["to"] for m in demo.messages()[before:] if (m["channel"], m["event"]) == ("voice", "ringing")]

    assert until("a phone rings", 10, rung)


def test_the_pasted_line_is_the_one_that_make_run_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(ROOT / ".venv" / "bin" / "gridcall"), "serve", "--demo"])
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(ROOT)
    assert greeting.paste(DEFAULT_URL) == PASTE


@pytest.mark.long
@pytest.mark.parametrize("commands", OTHERS)
def test_the_other_commands_work(commands: str, demo: Demo, checkout: Path) -> None:
    assert typing(commands, checkout, demo)
