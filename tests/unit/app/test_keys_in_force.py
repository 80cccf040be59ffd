"""Which keys open the door: those of the roster in force, and no demo's outside a demo."""

import errno
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from app.problems import Problem
from app.rosters import load_rosters
from app.serve import DEMO_ROSTER, read_roster
from config.keys import KeySpec, Role
from model.errors import SettingsError, Unavailable
from tests.databases import in_memory
from tests.unit.routing.house import NOW

OWN = KeySpec(id="own", role=Role.ADMIN, secret="a-secret-of-enough-characters")


@pytest.fixture
async def database():
    database = in_memory()
    yield database
    await database.close()


async def test_a_key_that_left_the_roster_opens_nothing(database):
    demo = read_roster(DEMO_ROSTER)
    first = await load_rosters(database, demo, NOW, demo=True)
    assert first.keys.find("Bearer demo-admin", NOW).caller.role is Role.ADMIN
    second = await load_rosters(database, replace(demo, keys=(OWN,), sha256="another"), NOW, demo=False)
    assert second.keys.find(f"Bearer {OWN.secret}", NOW).caller.key_id == "own"
    with pytest.raises(Problem, match="not known"):
        second.keys.find("Bearer demo-admin", NOW)


async def test_a_demos_data_folder_does_not_open_with_the_demos_keys(database):
    await load_rosters(database, read_roster(DEMO_ROSTER), NOW, demo=True)
    with pytest.raises(SettingsError, match="for the demo only"):
        await load_rosters(database, None, NOW, demo=False)


async def test_a_demo_does_not_open_what_is_no_demos(database):
    """It would tell stand-ins what waits there for people, and let in keys that everybody knows."""
    demo = read_roster(DEMO_ROSTER)
    await load_rosters(database, replace(demo, keys=(OWN,), sha256="another"), NOW, demo=False)
    with pytest.raises(SettingsError, match="this database is no demo's"):
        await load_rosters(database, demo, NOW, demo=True)
    rosters = await load_rosters(database, None, NOW, demo=False)
    assert rosters.keys.find(f"Bearer {OWN.secret}", NOW).caller.key_id == "own"


async def test_a_roster_of_another_alphabet_is_refused_with_the_place(tmp_path):
    file = tmp_path / "roster.yaml"
    file.write_bytes("people: {ana: {name: Müller}}".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"roster\.yaml is not UTF-8, at byte 22"):
        read_roster(file)


async def test_a_roster_file_with_a_demos_key_is_refused_outside_the_demo(database):
    with pytest.raises(SettingsError, match="demo-admin"):
        await load_rosters(database, read_roster(DEMO_ROSTER), NOW, demo=False)


class Away:
    """A database that cannot be asked now."""

    async def read(self, fn):
        raise Unavailable("on purpose")

    transact = read


async def test_an_edit_elsewhere_is_in_force_after_the_next_look(database):
    demo = read_roster(DEMO_ROSTER)
    here = await load_rosters(database, demo, NOW, demo=True)
    changed = replace(demo, roster=replace(demo.roster, people={}), keys=(OWN,), sha256="another")
    await load_rosters(database, changed, NOW, demo=False)
    assert here.roster.people
    await here.refresh(database)
    assert here.roster.version == 2
    assert not here.roster.people
    assert here.key(f"Bearer {OWN.secret}", NOW).caller.key_id == "own"


async def test_a_start_without_a_database_knows_the_roster_and_the_keys(database, tmp_path):
    """Its file is for nobody else; an unknown key is told to try again, not that it is wrong, until one can look."""
    keep = tmp_path / "snapshot.json"
    before = await load_rosters(database, read_roster(DEMO_ROSTER), NOW, demo=True, keep=keep)
    assert stat.S_IMODE(keep.stat().st_mode) == 0o600
    assert "demo-admin" not in keep.read_text().replace('"id":"demo-admin"', "")
    after = await load_rosters(Away(), None, NOW, demo=True, keep=keep)
    assert after.roster == before.roster
    assert after.key("Bearer demo-admin", NOW).caller.role is Role.ADMIN
    with pytest.raises(Problem) as unknown:
        after.key("Bearer made-up", NOW)
    assert unknown.value.status == 503
    with pytest.raises(Problem) as none:
        after.key(None, NOW)
    assert none.value.status == 401
    await after.refresh(database)
    with pytest.raises(Problem) as wrong:
        after.key("Bearer made-up", NOW)
    assert wrong.value.status == 401


async def test_processes_that_share_a_folder_keep_the_roster_at_once(database, tmp_path, monkeypatch):
    """Another one may be done between our writing and our putting it in place."""
    keep, replace = tmp_path / "snapshot.json", Path.replace
    file = read_roster(DEMO_ROSTER)

    def meanwhile(self, target):
        monkeypatch.undo()
        before._write()
        return replace(self, target)

    before = await load_rosters(database, file, NOW, demo=True, keep=keep)
    monkeypatch.setattr(Path, "replace", meanwhile)
    await load_rosters(database, file, NOW, demo=True, keep=keep)
    assert [path.name for path in tmp_path.glob("snapshot*")] == ["snapshot.json"]
    assert (await load_rosters(Away(), None, NOW, demo=True, keep=keep)).roster == before.roster


async def test_a_full_disk_does_not_end_the_process_over_the_kept_roster(database, tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    rosters = await load_rosters(database, read_roster(DEMO_ROSTER), NOW, demo=True, keep=tmp_path / "snapshot.json")
    assert rosters.key("Bearer demo-admin", NOW).caller.role is Role.ADMIN
    assert list(tmp_path.glob("snapshot*")) == []


@pytest.mark.parametrize("kept", [None, "{}", "not json"])
async def test_a_first_start_needs_the_database(kept, tmp_path):
    keep = tmp_path / "snapshot.json"
    if kept is not None:
        keep.write_text(kept)
    with pytest.raises(SettingsError, match="the database is away"):
        await load_rosters(Away(), None, NOW, demo=True, keep=keep)


async def test_processes_that_share_a_folder_do_not_spoil_what_they_keep(database, tmp_path):
    """All of them see a change within the same second."""
    keep = tmp_path / "snapshot.json"
    kept = await load_rosters(database, read_roster(DEMO_ROSTER), NOW, demo=True, keep=keep)
    with ThreadPoolExecutor(4) as processes:
        assert list(processes.map(lambda _: kept._write(), range(100))) == [None] * 100
    assert (await load_rosters(Away(), None, NOW, demo=True, keep=keep)).roster == kept.roster
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.json"]
    assert stat.S_IMODE(keep.stat().st_mode) == 0o600
