"""One role alone, started as its command does, over PostgreSQL; RabbitMQ is away."""

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app import serve
from app.roles import Role
from app.service import Service
from config.settings import Settings, load_settings
from model.clock import SlewedClock, SystemClock
from store import partitions, rosters
from store.postgres import at_once
from tests.app_fixture import OFF
from tests.demo_process import free_port
from tests.unit.routing.house import NOW, ROSTER

pytestmark = pytest.mark.service("postgresql")


@pytest.fixture
def settings(postgres_url: str, tmp_path: Path) -> Settings:
    at_once(postgres_url, lambda conn: rosters.save(conn, ROSTER, "test", NOW, keys=[]))
    return load_settings(
        data_dir=tmp_path,
        database_url=postgres_url,
        amqp_url="amqp://guest:guest@127.0.0.1:1/",
        installation_key="k" * 32,
        http_host="127.0.0.1",
        http_port=free_port(),
        **OFF,
    )


async def started(settings: Settings, role: Role) -> Service:
    """The service as it was when it was ready; then it stops."""
    found = []

    def ready(service: Service, _: object) -> None:
        found.append(service)
        os.kill(os.getpid(), signal.SIGTERM)

    await serve.run_role(settings, role, ready)
    return found[0]


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
async def test_it_goes_by_the_databases_time_from_its_first_moment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    """Of a machine that came up with another time."""
    wall = SystemClock()
    monkeypatch.setattr(serve, "SlewedClock", lambda: SlewedClock(wall.now() + ahead))
    service = await started(settings, Role.NOTIFIER)
    assert abs(service.started_at - wall.now()) < timedelta(minutes=1)
    assert abs(service.clock.now() - wall.now()) < timedelta(minutes=1)


async def test_a_monitor_makes_the_coming_months_at_once(settings: Settings, postgres_url: str) -> None:
    """Not after its first hour: one that is started again each hour would make none."""
    last = f"timeline_{partitions.months(SystemClock().now())[-2]:%Y_%m}"
    at_once(postgres_url, lambda conn: conn.execute(text(f"DROP TABLE {last}")))
    await started(settings, Role.MONITOR)
    assert at_once(postgres_url, lambda conn: conn.scalar(text(f"SELECT to_regclass('{last}')"))) == last
