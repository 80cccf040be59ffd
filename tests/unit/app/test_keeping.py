"""`backup`, `purge` and `roster load`, beside a Gridcall that runs; what is restored goes on."""

import asyncio
import io
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url
from structlog.testing import capture_logs

from app import keeping
from app.cli import main
from app.evidence import verify
from app.undoing import stamped
from config.roster_file import RosterFile
from config.settings import load_settings
from model.clock import SystemClock
from store import address, contacts
from store.audit import Entry, newest
from store.contacts import Contact
from tests import app_fixture, postgres
from tests.app_fixture import NUMBERS, ROSTER, House, opened
from tests.databases import POSTGRESQL

EVENTS = 30
SECRET = "long-enough-to-be-one-"
OWN_KEYS = ROSTER.read_text().replace("secret: demo-", f"secret: {SECRET}")
Place = tuple[Path, dict[str, Any]]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out + captured.err


@pytest.fixture(params=["sqlite", POSTGRESQL])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Where the first Gridcall is, and a fresh place for another; each a folder and settings."""
    if request.param == "sqlite":
        yield (tmp_path / "one", {}), (tmp_path / "two", {})
        return
    with postgres.server() as server, postgres.database(server) as one, postgres.database(server) as two:
        yield (tmp_path / "one", {"database_url": one}), (tmp_path / "two", {"database_url": two})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[Place], None]:
    def tell(place: Place) -> None:
        monkeypatch.setenv("GRIDCALL_DATA_DIR", str(place[0]))
        monkeypatch.setenv("GRIDCALL_DATABASE_URL", place[1].get("database_url", ""))

    return tell


def restore(backup: Path, place: Place) -> None:
    """As docs/operating.md says."""
    folder, settings = place
    folder.mkdir()
    if not settings:
        backup.rename(folder / "gridcall.db")
        return
    url = make_url(settings["database_url"]).render_as_string(hide_password=False)
    command = ["pg_restore", "--no-owner", "--exit-on-error", "--dbname", url, str(backup)]
    subprocess.run(command, check=True, capture_output=True)


async def test_a_backup_under_load_is_restored_and_goes_on(
    places: tuple[Place, Place], told: Callable[[Place], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = places
    told(one)
    backup = tmp_path / "gridcall.backup"
    async with opened(one[0], **one[1]) as house:
        await house.send("before")
        sending = asyncio.create_task(send_many(house))
        await asyncio.sleep(0.1)
        code, out = await asyncio.to_thread(run, capsys, "backup", str(backup))
        assert code == 0, out
        await sending
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    code, out = await asyncio.to_thread(run, capsys, "backup", str(backup))
    assert (code, "exists already" in out) == (2, True)
    await asyncio.to_thread(restore, backup, two)

    told(two)
    code, out = await asyncio.to_thread(run, capsys, "check", "--all")
    assert code == 0, out
    assert out.strip().endswith("unbroken")
    async with opened(two[0], **two[1]) as house:
        events = (await house.get("/v1/events?limit=100")).json()["events"]
        assert 1 <= len(events) <= EVENTS + 1
        assert (await house.send("before"))["duplicate"]
        reply = {"person": "ana", "reply": "acknowledge"}
        assert (await house.post("/v1/events/miso/before/reply", json=reply)).status_code < 300
        assert (await house.send("after"))["http_status"] == 202
        await house.service.housekeeping.seal()
    found = await asyncio.to_thread(verify, load_settings(), None, None)
    assert not found.breaks
    assert found.events == len(events) + 1


async def send_many(house: House) -> None:
    for number in range(EVENTS):
        await house.send(f"E-{number}")


@pytest.mark.service("postgresql")
async def test_the_second_host_is_copied_and_restored_when_the_first_refuses(
    told: Callable[[Place], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gridcall, `backup` and PostgreSQL's own programs all go on to the next host."""
    with postgres.server() as server, postgres.database(server) as first, postgres.database(server) as second:
        one, two = ((tmp_path / name, {"database_url": behind(url)}) for name, url in (("1", first), ("2", second)))
        told(one)
        async with opened(one[0], **one[1]) as house:
            await house.send("before")
        backup = tmp_path / "gridcall.backup"
        code, out = await asyncio.to_thread(run, capsys, "backup", str(backup))
        assert code == 0, out
        there = address.read(two[1]["database_url"])
        command = ["pg_restore", "--no-owner", "--exit-on-error", "--dbname", there.name, str(backup)]
        environment = os.environ | there.for_libpq()
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, env=environment)

        told(two)
        code, out = await asyncio.to_thread(run, capsys, "check", "--all")
        assert (code, out.startswith("1 events")) == (0, True), out


def behind(url: str) -> str:
    """The same database, after a host that refuses."""
    given = make_url(url)
    hosts = [f"127.0.0.1:{postgres._free_port()}", f"{given.host}:{given.port or 5432}"]
    both = URL.create(
        "postgresql+asyncpg", given.username, given.password, database=given.database, query={"host": hosts}
    )
    return both.render_as_string(hide_password=False)


def test_a_backup_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path / "none"))
    code, out = run(capsys, "backup", str(tmp_path / "copy"))
    assert (code, "gridcall migrate" in out) == (2, True)
    assert run(capsys, "migrate")[0] == 0
    code, out = run(capsys, "backup", str(tmp_path / "nowhere" / "copy"))
    assert (code, "cannot be written" in out) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["none"]


@pytest.mark.service("postgresql")
def test_without_pg_dump_it_is_one_sentence(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDCALL_DATABASE_URL", postgres_url)
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out = run(capsys, "backup", str(tmp_path / "copy"))
    assert (code, "there is no pg_dump here" in out) == (2, True)
    assert not list(tmp_path.iterdir())


async def test_a_number_is_purged_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path))
    number = NUMBERS[0]
    async with opened(tmp_path) as house:
        await house.send("E-1")
        verified = Contact(address=number, verified_at=app_fixture.START)
        await house.service.database.transact(lambda conn: contacts.put(conn, verified))
    code, out = await asyncio.to_thread(run, capsys, "purge", number, "--yes")  # START is long over
    assert code == 0
    assert "Purged from 1 events." in out
    assert number not in out
    assert "stands in 0 events" in (await asyncio.to_thread(run, capsys, "purge", number))[1]
    with sqlite3.connect(tmp_path / "gridcall.db") as database:
        for table in ("notifications", "attempts", "contacts"):
            assert database.execute(f"SELECT 1 FROM {table} WHERE address = ?", (number,)).fetchone() is None
    database.close()


async def test_a_purge_asks_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path))
    async with opened(tmp_path) as house:
        await house.send("E-1")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    code, out = await asyncio.to_thread(run, capsys, "purge", NUMBERS[0])
    assert code == 1
    assert "Purged" not in out


async def test_a_roster_is_loaded_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path / "var"))
    file = tmp_path / "roster.yaml"
    file.write_text(OWN_KEYS.replace("Ana Reyes", "Ana Reyes-Lind"))
    async with opened(tmp_path / "var") as house:
        before = house.service.rosters.roster.version
        code, out = await asyncio.to_thread(run, capsys, "roster", "load", str(file))
        assert code == 0, out
        await house.service._look_at_roster()
        assert house.service.rosters.roster.version == before + 1
        assert (await house.get("/v1/people", key=f"{SECRET}operator")).status_code == 200
        assert (await house.get("/v1/people", key="demo-operator")).status_code == 401
        assert "in force already" in (await asyncio.to_thread(run, capsys, "roster", "load", str(file)))[1]
        code, out = await asyncio.to_thread(run, capsys, "roster", "load", str(ROSTER))
        assert (code, "demo" in out) == (2, True)


async def test_a_start_with_the_same_file_keeps_what_was_edited_since(tmp_path: Path) -> None:
    """A cover made at night is not undone by a process that starts again; a file that changed is loaded, and what that
    undoes is in the log."""
    cover = {"action": "add", "person": "eli", "from": "2026-11-07T22:00", "to": "2026-11-08T06:00"}
    async with opened(tmp_path) as house:
        made = await house.post("/v1/rotations/ops-backup/overrides", "demo-admin", json=cover)
        assert made.status_code == 201
    async with opened(tmp_path) as house:
        assert [o.person for o in house.service.rosters.roster.overrides] == ["eli"]
    text = ROSTER.read_text().replace("Ana Reyes", "Ana Reyes-Lind")
    with capture_logs() as logs:
        async with opened(tmp_path, roster_text=f"from_version: 1\n{text}") as house:
            roster = house.service.rosters.roster
    assert (roster.people["ana"].name, roster.overrides) == ("Ana Reyes-Lind", ())
    [said] = [log for log in logs if log["event"] == "the roster file undoes what was changed since it was exported"]
    assert [one["actor"] for one in said["undoes"]] == ["key demo-admin"]


async def test_a_file_in_which_apply_has_written_its_version_is_the_same_one(tmp_path: Path) -> None:
    cover = {"action": "add", "person": "eli", "from": "2026-11-07T22:00", "to": "2026-11-08T06:00"}
    text = f"from_version: 1\n{ROSTER.read_text()}"
    async with opened(tmp_path, roster_text=text) as house:
        assert (await house.post("/v1/rotations/ops-backup/overrides", "demo-admin", json=cover)).status_code == 201
    async with opened(tmp_path, roster_text=stamped(text, 2)) as house:
        assert [o.person for o in house.service.rosters.roster.overrides] == ["eli"]
    async with opened(tmp_path, roster_text=ROSTER.read_text()) as house:  # the line was taken out: that is meant
        assert house.service.rosters.roster.overrides == ()


async def test_a_file_is_the_same_one_to_a_release_that_reads_more_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start after an upgrade is no other than the next ones."""
    cover = {"action": "add", "person": "eli", "from": "2026-11-07T22:00", "to": "2026-11-08T06:00"}
    async with opened(tmp_path) as house:
        assert (await house.post("/v1/rotations/ops-backup/overrides", "demo-admin", json=cover)).status_code == 201
    read = app_fixture.load_roster

    def reads_more(text: str, name: str) -> RosterFile:
        file = read(text, name)
        return replace(file, roster=replace(file.roster, admin_channel="C0MORE"))

    monkeypatch.setattr(app_fixture, "load_roster", reads_more)
    async with opened(tmp_path) as house:
        assert [o.person for o in house.service.rosters.roster.overrides] == ["eli"]
    async with opened(tmp_path, roster_text=f"{ROSTER.read_text()}# another file\n") as house:
        assert house.service.rosters.roster.overrides == ()


async def test_a_file_is_loaded_again_when_told_and_only_if_new_when_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path / "var"))
    file = tmp_path / "roster.yaml"
    file.write_text(OWN_KEYS)
    absence = {"person": "ana", "from": "2026-11-07T00:00", "to": "2026-11-08T00:00"}
    async with opened(tmp_path / "var") as house:

        async def typed(*words: str) -> str:
            code, out = await asyncio.to_thread(run, capsys, "roster", "load", *words, str(file))
            assert code == 0, out
            await house.service._look_at_roster()
            return out

        await typed("--if-new")
        made = await house.post("/v1/absences", f"{SECRET}admin", json=absence)
        assert made.status_code == 201, made.text
        assert "was loaded before; version 3 is in force" in await typed("--if-new")
        assert len(house.service.rosters.roster.absences) == 1
        file.write_text(f"from_version: 2\n{OWN_KEYS}")
        code, out = await asyncio.to_thread(run, capsys, "roster", "load", str(file))
        assert (code, "not loaded. It undoes what was changed meanwhile: add absence " in out) == (2, True), out
        assert "by key demo-admin at " in out
        file.write_text(OWN_KEYS)
        assert "is in force, as version 4" in await typed()
        assert house.service.rosters.roster.absences == ()


AWAY = "absences:\n" + "".join(
    f"  - {{person: {person}, from: 2036-11-08T00:00Z, to: 2036-11-09T00:00Z}}\n" for person in ("dee", "eli")
)


async def test_a_file_that_leaves_a_gap_is_not_loaded_unless_it_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As by the API, and with the same row in the audit; the very first roster is loaded and what it leaves is said."""
    now = datetime(2036, 11, 1, tzinfo=UTC)
    monkeypatch.setattr(SystemClock, "now", lambda _: now)
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path))
    file, gap = tmp_path / "roster.yaml", "ops-backup: Nobody replaces Dee Larsen Sat 18:00-Sun 18:00 CST, 1 d"

    def load(text: str, *words: str) -> tuple[int, str]:
        file.write_text(text)
        return run(capsys, "roster", "load", str(file), *words)

    def told() -> list[Entry]:
        with keeping.ready(load_settings()) as place:
            return place.look(lambda conn: newest(conn, 100))

    assert run(capsys, "migrate")[0] == 0
    code, out = load(OWN_KEYS + AWAY)
    assert (code, "What it leaves:\n  ops-backup: Nobody is on call" in out) == (0, True), out
    assert load(OWN_KEYS)[0] == 0
    before = told()
    code, out = load(OWN_KEYS + AWAY)
    assert code == 2
    assert out.startswith("not loaded. It leaves, as it was not before:\n")
    assert gap.partition(" Sat")[0] in out
    code, out = load(OWN_KEYS + AWAY, "--accept-gaps")
    assert (code, "--reason" in out) == (2, True)
    assert told() == before
    code, out = load(OWN_KEYS + AWAY, "--accept-gaps", "--reason", "the plant is shut")
    assert (code, "as version 3" in out) == (0, True), out
    accepted = next(row for row in told() if row.changed.what == "coverage")
    assert (accepted.changed.change, accepted.reason, accepted.roster_version) == ("accepted", "the plant is shut", 3)
    assert [row["kind"] for row in accepted.changed.after] == ["gap"]
    assert load(OWN_KEYS + AWAY + "# what was accepted once is not asked about again\n")[0] == 0
    assert load(OWN_KEYS + AWAY + "# what was accepted once is not asked about again\n", "--if-new")[0] == 0
