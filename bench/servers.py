"""The measured servers, each in a process of its own: `python -m bench.servers KIND PORT DIRECTORY [STANDINS]`."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app import http, logs, ticks, vendors
from app.roles import Role
from app.rosters import load_rosters
from app.security import hashed
from app.serve import in_loop, listen, run_role, server
from app.service import Service
from app.stores import open_stores
from bench import roster
from config.roster_file import RosterFile
from config.settings import Settings, load_settings
from model.clock import SystemClock
from model.ids import SystemIds
from sandbox import Settings as SandboxSettings
from sandbox import World, build
from store import ping_links
from store.ping_links import PingLink

_SAME = b" " * 600  # about as long as who is on call for a team


def echo() -> Starlette:
    """As little as an ASGI framework can do with a body."""

    async def answer(request: Request) -> Response:
        return Response(await request.body(), status_code=202, media_type="application/json")

    async def same(request: Request) -> Response:
        return Response(_SAME, media_type="application/json")

    return Starlette(routes=[Route("/v1/events", answer, methods=["POST"]), Route("/v1/oncall", same)])


class Instruction(BaseModel):
    action: str
    target_mw: float
    target_kind: str
    mandatory: bool


class Event(BaseModel):
    event_id: str
    revision: int
    message_type: str
    mode: str
    issuer: str
    program: str
    severity: str
    headline: str
    text: str
    instruction: Instruction
    zones: list[dict[str, str]]


def model() -> FastAPI:
    """FastAPI with a model argument, nothing kept."""
    app = FastAPI()

    @app.post("/v1/events", status_code=202)
    async def answer(event: Event) -> JSONResponse:
        return JSONResponse({"event_id": event.event_id}, 202)

    return app


def confirmed() -> FastAPI:
    """FastAPI with a model argument and one confirmed publish to a quorum queue, as the client's manual does it."""
    queue = "bench.confirmed"

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with await aio_pika.connect(os.environ["GRIDCALL_AMQP_URL"]) as connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
            app.state.exchange = channel.default_exchange
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/events", status_code=202)
    async def answer(event: Event, request: Request) -> JSONResponse:
        message = aio_pika.Message(await request.body(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await app.state.exchange.publish(message, queue)
        return JSONResponse({"event_id": event.event_id}, 202)

    return app


async def gridcall(port: int, directory: Path, standins: str | None, people: RosterFile) -> None:
    """Our service: only its door (no stand-ins), or all of it against the stand-ins at that address."""
    api = listen("127.0.0.1", port, next_free=False)
    settings = _settings(port, directory, standins)
    clock = SystemClock()
    stores = open_stores(settings, clock)
    link = PingLink(source="bench", sha256=hashed(roster.PING), made_at=clock.now(), made_by="bench")
    await stores.database.transact(lambda conn: ping_links.put(conn, link))
    rosters = await load_rosters(stores.database, people, clock.now(), demo=True)
    service = Service(settings, stores, rosters, vendors.connect(settings, clock), clock, SystemIds())
    running = asyncio.create_task(service.run() if standins else stores.broker.run())
    running.add_done_callback(_must_not_fail)
    ticking = asyncio.create_task(ticks.run(service.ticks() if standins else (), clock))
    ticking.add_done_callback(_must_not_fail)
    door = server(http.build(service))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: setattr(door, "should_exit", True))
    await door.serve(sockets=[api.socket])
    for task in (running, ticking):
        task.cancel()
    await asyncio.gather(running, ticking, return_exceptions=True)
    await service.close()


def standins() -> Starlette:
    """The vendors, as fast as they can be: no pace, no cap, and nobody is called back."""
    free = SandboxSettings(
        calls_per_second=None,
        max_calls=None,
        slack_per_second=None,
        pagerduty_per_minute=None,
        twilio_sms_inbound_url=None,
    )
    return build(World(SystemClock(), free))


APPS = {"echo": echo, "model": model, "confirmed": confirmed, "standins": standins}


def _must_not_fail(running: asyncio.Task[None]) -> None:
    if not running.cancelled() and (error := running.exception()):
        sys.exit(f"the service failed: {error!r}")


async def role(name: Role, port: int, directory: Path, standins: str | None) -> None:
    """One of several, as `gridcall notifier` and the others run it."""
    await run_role(_settings(port, directory, standins), name, lambda _service, _listening: None)


def _settings(port: int, directory: Path, standins: str | None) -> Settings:
    play = SandboxSettings()
    given = (
        {"slack_base_url": f"{standins}/slack/api/", "pagerduty_base_url": f"{standins}/pagerduty"} if standins else {}
    )
    return load_settings(
        data_dir=directory,
        http_port=port,
        slack_bot_token=play.slack_bot_token,
        slack_signing_secret=play.slack_signing_secret,
        slack_per_second=1000.0,
        queue_depth_limit=10_000_000,
        canary_seconds=0,  # nothing is measured that nobody asked for
        vendor_check_seconds=0,
        **given,
    )


async def _serve(app: object, sock: object) -> None:
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, date_header=False)  # type: ignore[arg-type]
    await uvicorn.Server(config).serve(sockets=[sock])  # type: ignore[list-item]


def main(kind: str, port: str, directory: str, standins: str | None = None) -> None:
    logs.configure("error", "json")
    if kind in {"gridcall", "crowd"}:
        people = roster.roster() if kind == "gridcall" else roster.crowd()
        work = gridcall(int(port), Path(directory), standins, people)
    elif kind in list(Role):
        work = role(Role(kind), int(port), Path(directory), standins)
    else:
        work = _serve(APPS[kind](), listen("127.0.0.1", int(port), next_free=False).socket)
    in_loop(work)


if __name__ == "__main__":
    main(*sys.argv[1:])
