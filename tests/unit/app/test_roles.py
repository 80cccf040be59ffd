"""A process does the jobs of its roles and no others; all roles together are `gridcall serve`."""

from pathlib import Path

import pytest

from app.roles import EVERY_ROLE, Role
from tests.app_fixture import opened

EVERYBODYS = ({"queue"}, {"roster", "queue", "alive"})
JOBS = {
    Role.API: ({"live"}, {"notebook", "key uses"}),
    Role.ROUTER: ({"router", "reviser"}, set()),
    Role.NOTIFIER: ({"dispatcher", "reconciler"}, {"leases"}),
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
