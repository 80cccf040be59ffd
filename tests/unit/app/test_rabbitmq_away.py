"""A service whose RabbitMQ was never there: events are accepted, decided and shown all the same."""

import json
from pathlib import Path

import pytest

from app.doctor import Level, findings
from config.settings import load_settings
from model.errors import SettingsError
from tests.app_fixture import opened
from tests.demo_process import free_port
from tests.unit.app.test_metrics_api import figures


@pytest.fixture
def nowhere() -> str:
    return f"amqp://guest:hush@127.0.0.1:{free_port()}/"


async def test_events_are_decided_from_the_spool(tmp_path: Path, nowhere: str) -> None:
    async with opened(tmp_path, amqp_url=nowhere) as house:
        answer = await house.send("edr-1")
        assert (answer["http_status"], answer["durable"], answer["rings"]) == (202, "host", True)
        await house.until(lambda: house.service.broker.depth() == 0)
        found = await figures(house)
        assert found["gridcall_queue_up", ()] == 0
        assert found["gridcall_spool_depth", ()] == 0
        ready = await house.get("/readyz", None)
        assert ready.status_code == 200
        assert ready.json()["remarks"] == [
            "RabbitMQ does not confirm, events go to this host's spool; it holds 0 messages"
        ]


async def test_what_waits_there_is_counted_with_its_age(tmp_path: Path, nowhere: str) -> None:
    async with opened(tmp_path, loops=False, amqp_url=nowhere) as house:
        await house.post("/v1/events", "demo-upstream", content=b"{")
        house.advance(42)
        found = await figures(house)
        assert found["gridcall_spool_depth", ()] == 1
        assert found["gridcall_spool_oldest_seconds", ()] == 42
        assert "it holds 1 messages, the oldest for 42 s" in (await house.get("/readyz", None)).text


async def test_what_the_embedded_queue_had_moves_over(tmp_path: Path, nowhere: str) -> None:
    """And the folder still belongs to one process."""
    async with opened(tmp_path, loops=False) as house:
        assert (await house.post("/v1/events", "demo-upstream", content=b"{")).status_code == 422
    async with opened(tmp_path, amqp_url=nowhere) as house:
        await house.until(lambda: house.service.broker.depth() == 0)
        assert len((await house.get("/v1/unreadable", "demo-admin")).json()["unreadables"]) == 1
        with pytest.raises(SettingsError, match="in use by another Gridcall"):
            async with opened(tmp_path, amqp_url=nowhere):
                pass


def test_doctor_says_that_rabbitmq_does_not_answer(tmp_path: Path, nowhere: str) -> None:
    """Without the password."""
    found = list(findings(load_settings(data_dir=tmp_path, amqp_url=nowhere)))
    [about] = [f for f in found if f.what == "queue"]
    assert about.level is Level.FAILS
    assert "Connect call failed" in about.detail
    assert "hush" not in json.dumps(found)


@pytest.mark.service("rabbitmq")
def test_doctor_says_which_rabbitmq_answers(tmp_path: Path, amqp_url: str) -> None:
    found = findings(load_settings(data_dir=tmp_path, amqp_url=amqp_url))
    [about] = [f for f in found if f.what == "queue"]
    assert about.level is Level.FINE
    assert about.detail.startswith("RabbitMQ ")
