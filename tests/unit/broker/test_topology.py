"""What the queues at RabbitMQ are made with: nothing is in one place only, dropped in silence, or given up unseen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from broker.topology import DELIVERY_LIMIT, Topology


class Connection:
    """Keeps what is declared on it."""

    def __init__(self) -> None:
        self.declared: dict[str, dict[str, Any]] = {}

    @asynccontextmanager
    async def channel(self) -> AsyncIterator["Connection"]:
        yield self

    async def declare_queue(self, name: str, **how: Any) -> None:
        self.declared[name] = how


async def test_every_queue_is_durable_and_replicated() -> None:
    connection = Connection()
    await Topology("t.", 1000).declare(connection)  # type: ignore[arg-type]
    assert list(connection.declared) == ["t.events.dead", "t.replies", "t.events.0", "t.events.1", "t.events.2"]
    for how in connection.declared.values():
        assert how["durable"] is True
        assert how["arguments"]["x-queue-type"] == "quorum"


async def test_what_is_thrown_out_is_handed_over_at_least_once() -> None:
    """And only a queue that refuses when it is full can promise that: one that drops would lose it on the way."""
    connection = Connection()
    await Topology("t.", 1000).declare(connection)  # type: ignore[arg-type]
    dead = connection.declared.pop("t.events.dead")["arguments"]
    assert "x-dead-letter-exchange" not in dead
    for how in connection.declared.values():
        arguments = how["arguments"]
        assert arguments["x-delivery-limit"] == DELIVERY_LIMIT == 20
        assert arguments["x-dead-letter-strategy"] == "at-least-once"
        assert (arguments["x-dead-letter-exchange"], arguments["x-dead-letter-routing-key"]) == ("", "t.events.dead")
        assert (arguments["x-overflow"], arguments["x-max-length"]) == ("reject-publish", 999)
