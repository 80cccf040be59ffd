"""Which keys open the door: those of the roster in force, and no demo's outside a demo."""

from dataclasses import replace

import pytest

from app.problems import Problem
from app.serve import DEMO_ROSTER, read_roster
from app.service import load_rosters
from config.keys import KeySpec, Role
from model.errors import SettingsError
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
    assert first.keys.caller("Bearer demo-admin").role is Role.ADMIN
    second = await load_rosters(database, replace(demo, keys=(OWN,)), NOW, demo=False)
    assert second.keys.caller(f"Bearer {OWN.secret}").key_id == "own"
    with pytest.raises(Problem, match="not known"):
        second.keys.caller("Bearer demo-admin")


async def test_a_demos_data_folder_does_not_open_with_the_demos_keys(database):
    await load_rosters(database, read_roster(DEMO_ROSTER), NOW, demo=True)
    with pytest.raises(SettingsError, match="for the demo only"):
        await load_rosters(database, None, NOW, demo=False)


async def test_a_roster_file_with_a_demos_key_is_refused_outside_the_demo(database):
    with pytest.raises(SettingsError, match="demo-admin"):
        await load_rosters(database, read_roster(DEMO_ROSTER), NOW, demo=False)
