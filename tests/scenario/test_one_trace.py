"""One trace from the sender's POST to the vendors' requests and back, through any queue and any database."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app import http, standins, vendors
from app.otel import OtelTracer
from app.roles import Role
from app.rosters import load_rosters
from app.service import Service
from app.stores import open_shared
from bench import event, roster
from config.settings import Settings, load_settings
from model.clock import SlewedClock, SystemClock
from model.ids import SystemIds
from sandbox import build as build_standins
from tests.contract.wire import Recorder
from tests.rabbit_node import RabbitNode
from tests.scenario.conftest import OpenWorld, over_both
from tests.serving import serving

ROLES = (Role.API, Role.ROUTER, Role.NOTIFIER)
TRACE = "0af7651916cd43dd8448eb211c80319c"
PRIVATE = ("+1", "%2B1", "555010", "Ana", "MISO", "12.5", "U0ANA")


class Traced:
    """A tracer, and the spans it has made."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = OtelTracer(SimpleSpanProcessor(self._exporter), ["127.0.0.1"])

    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def in_trace(self, trace_id: int) -> set[str]:
        """The spans of that trace: ours by their names, requests by the end of their address."""
        return {_named(span) for span in self.spans() if span.context.trace_id == trace_id}

    def one(self, name: str) -> ReadableSpan:
        [span] = [span for span in self.spans() if span.name == name]
        return span


def _named(span: ReadableSpan) -> str:
    return str((span.attributes or {}).get("http.url", span.name)).rpartition("/")[2]


@pytest.fixture
def traced() -> Iterator[Traced]:
    traced = Traced()
    yield traced
    traced.tracer.close()


@over_both
async def test_the_whole_road_is_one_trace(opens: OpenWorld, traced: Traced) -> None:
    """The story's own client is traced too: it is the sender whose trace goes on."""
    async with opens(tracer=traced.tracer) as world:
        await world.post("edr")
        await world.advance(minutes=1)
        for name in ("ana", "ben"):
            world.phone(name).expects_call()
            world.phone(name).expects_text("Reply 1")
        accepted = traced.one("accept")
        assert accepted.parent is not None
        [sender] = [span for span in traced.spans() if span.context.span_id == accepted.parent.span_id]
        assert _named(sender) == "events"
        ours = {"accept", "publish", "decide", "claim", "send", "callback"}
        asked = {"Calls.json", "Messages.json", "chat.postMessage", "enqueue"}
        assert ours | asked <= traced.in_trace(accepted.context.trace_id)


async def test_spans_hold_no_numbers_and_no_words(opens: OpenWorld, traced: Traced) -> None:
    """Though Twilio is asked about a number, in its address, when the answer about a call was lost."""
    async with opens(tracer=traced.tracer) as world:
        await world.scene("nobody answers")
        await world.breaks("twilio", status="hang", count=1, path="Calls")
        await world.post("edr")
        await world.advance(minutes=1)
        for name in ("ana", "ben"):
            world.phone(name).expects_call()
            world.phone(name).expects_text("Reply 1")
        world.phone("ana").expects_direct_message(at="0:07")  # while nobody knows whether her phone rings
        assert "GET" in {s.name for s in traced.spans() if _named(s) == "Calls.json"}
        assert [kept for kept in map(_kept, traced.spans()) if any(word in kept for word in PRIVATE)] == []


def _kept(span: ReadableSpan) -> str:
    return f"{span.name} {span.attributes} {span.status.description} {[event.attributes for event in span.events]}"


# --- several processes ----------------------------------------------------------------------------------------------


@pytest.mark.service("rabbitmq-server")
async def test_one_trace_over_rabbitmq_and_postgresql(
    tmp_path: Path, rabbit_node: RabbitNode, postgres_url: str, traced: Traced
) -> None:
    """Door, router and notifier share nothing but RabbitMQ and PostgreSQL; the sender's traceparent is honoured."""
    async with standing_in() as (vendors_url, world):
        urls = {"amqp_url": rabbit_node.url, "database_url": postgres_url}
        given = load_settings(data_dir=tmp_path, installation_key="k" * 32, **urls)
        settings = standins.demo_settings(given, "http://gridcall.test", vendors_url)
        async with AsyncExitStack() as stack:
            api, *_ = [await stack.enter_async_context(running(settings, role, traced)) for role in ROLES]
            await confirming(api)
            headers = {"authorization": f"Bearer {roster.SECRET}", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
            transport = httpx2.ASGITransport(http.build(api))
            async with httpx2.AsyncClient(transport=transport, base_url="http://gridcall.test") as client:
                answer = await client.post("/v1/events", content=event.body(roster.program(0))[1], headers=headers)
            assert (answer.status_code, answer.json()["durable"]) == (202, "broker")
            await world.feed.wait(0, 20)
    assert {"accept", "publish", "decide", "claim", "send", "chat.postMessage"} <= traced.in_trace(int(TRACE, 16))


@asynccontextmanager
async def standing_in() -> AsyncIterator[tuple[str, standins.World]]:
    """The vendors, and their address."""
    world = standins.world(SystemClock(), "http://gridcall.test")
    async with serving(Recorder(build_standins(world))) as url:
        try:
            yield url, world
        finally:
            await world.stop()


@asynccontextmanager
async def running(settings: Settings, role: Role, traced: Traced) -> AsyncIterator[Service]:
    """A service of that role, as its process has it."""
    clock = SlewedClock()
    stores = open_shared(settings, clock)
    rosters = await load_rosters(stores.database, roster.roster(), clock.now(), demo=True)
    service = Service(
        settings, stores, rosters, vendors.connect(settings, clock), clock, SystemIds(), {role}, traced.tracer
    )
    loops = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        loops.cancel()
        await asyncio.gather(loops, return_exceptions=True)
        await service.close()


async def confirming(service: Service) -> None:
    """Until RabbitMQ confirms, events go to the spool."""
    assert service.failover is not None
    async with asyncio.timeout(20):
        while not service.failover.link_up:
            await asyncio.sleep(0.01)
