"""A process does the jobs of its roles and no others; all roles together are `gridcall serve`."""

from pathlib import Path

import pytest

from app import stores
from app.roles import EVERY_ROLE, Role
from app.stores import known_installation_key, open_shared
from config.settings import load_settings
from model.clock import SystemClock
from model.errors import SettingsError
from tests.app_fixture import opened

EVERYBODYS = ({"queue"}, {"roster", "call lengths", "queue", "alive"})
JOBS = {
    Role.API: ({"live"}, {"notebook", "key uses"}),
    Role.ROUTER: ({"router", "reviser"}, set()),
    Role.NOTIFIER: ({"dispatcher", "reconciler"}, {"leases", "slack people"}),
    Role.MONITOR: (
        {"talking"},
        {
            "seal",
            "heartbeat",
            "holes",
            "newcomers",
            "silences",
            "unreadables",
            "coverage",
            "reminders",
            "reply codes",
            "months",
        }
        | {"retention"},
    ),
}


@pytest.mark.parametrize("role", Role)
async def test_a_role_has_its_loops_and_ticks(role: Role, tmp_path: Path) -> None:
    async with opened(tmp_path, loops=False, roles={role}) as house:
        loops, ticks = (own | everybodys for own, everybodys in zip(JOBS[role], EVERYBODYS, strict=True))
        assert {loop.name for loop in house.service.loops()} == loops
        assert {tick.name for tick in house.service.ticks()} == ticks


async def test_every_job_is_somebodys(tmp_path: Path) -> None:
    async with opened(tmp_path, loops=False) as house:
        assert house.service.roles == EVERY_ROLE
        assert {loop.name for loop in house.service.loops()} == EVERYBODYS[0].union(
            *(loops for loops, _ in JOBS.values())
        )
        assert {tick.name for tick in house.service.ticks()} == EVERYBODYS[1].union(
            *(ticks for _, ticks in JOBS.values())
        )


async def test_only_the_api_takes_events(tmp_path: Path) -> None:
    """The others answer for their health and figures, and describe nothing more."""
    async with opened(tmp_path, loops=False, roles={Role.ROUTER}) as house:
        assert (await house.get("/healthz", key=None)).status_code == 200
        assert (await house.get("/readyz", key=None)).status_code == 200
        assert "gridcall_loop_turned_seconds" in (await house.get("/metrics", key=None)).text
        assert (await house.post("/v1/events", "demo-upstream", json={})).status_code == 404
        paths = (await house.get("/openapi.json", key=None)).json()["paths"]
        assert set(paths) == {"/healthz", "/readyz", "/statusz", "/metrics", "/schemas/event.json"}


async def test_what_asks_by_itself_is_somebodys_too(tmp_path: Path) -> None:
    for role, name in ((Role.MONITOR, "canary"), (Role.NOTIFIER, "vendors")):
        asks = {"canary_seconds": 60.0, "vendor_check_seconds": 600.0}
        async with opened(tmp_path / name, loops=False, roles={role}, **asks) as house:
            ours = {tick.name for tick in house.service.ticks()} & {"canary", "vendors"}
            assert ours == {name}


async def test_without_a_database_events_are_taken_and_nothing_else_is_done(tmp_path: Path) -> None:
    """It is away for all of them: were it a reason, no process would be left that takes events."""
    for roles, status, where in (({Role.API}, 200, "remarks"), ({Role.ROUTER}, 503, "reasons")):
        async with opened(tmp_path / where, loops=False, roles=roles) as house:
            await house.service.database.close()
            ready = await house.get("/readyz", key=None)
            assert ready.status_code == status
            assert "the database does not answer" in ready.json()[where]


def test_a_key_that_was_cut_off_is_no_key(tmp_path: Path) -> None:
    """A full disk at the first start: who knows the empty key can answer for anybody."""
    settings = load_settings(data_dir=tmp_path)
    assert known_installation_key(settings) is None
    (tmp_path / "installation.key").write_text("\n")
    with pytest.raises(SettingsError, match=r"installation\.key holds no key"):
        known_installation_key(settings)
    with pytest.raises(SettingsError, match="at least 32 characters"):
        load_settings(data_dir=tmp_path, installation_key="k" * 31)


SHARED = {
    "database_url": "postgresql://gridcall@127.0.0.1:1/gridcall",
    "amqp_url": "amqp://guest:guest@127.0.0.1:1/",
    "installation_key": "k" * 32,
}
WHY = {
    "database_url": "PostgreSQL (GRIDCALL_DATABASE_URL), since a SQLite file belongs to one process",
    "amqp_url": "RabbitMQ (GRIDCALL_AMQP_URL), since the embedded queue belongs to one process",
    "installation_key": "GRIDCALL_INSTALLATION_KEY, the same long random text for all",
}


@pytest.mark.parametrize("lacking", [{name} for name in SHARED] + [set(SHARED)])
def test_one_role_alone_refuses_what_belongs_to_one_process(lacking: set[str], tmp_path: Path) -> None:
    """With everything that is missing in one sentence, and before anything is opened."""
    given = {name: value for name, value in SHARED.items() if name not in lacking}
    with pytest.raises(SettingsError) as refused:
        open_shared(load_settings(data_dir=tmp_path / "var", **given), SystemClock())
    said = str(refused.value)
    assert [name for name, why in WHY.items() if why in said] == [name for name in WHY if name in lacking]
    assert said.endswith("or run everything in one process: gridcall serve")
    assert not (tmp_path / "var").exists()


def test_a_spool_in_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was answered 202 would be gone with the machine."""
    monkeypatch.setattr(stores, "in_memory", lambda folder: folder == tmp_path / "spool")
    with pytest.raises(SettingsError, match="would be lost with the machine: give GRIDCALL_DATA_DIR"):
        open_shared(load_settings(data_dir=tmp_path, **SHARED), SystemClock())
