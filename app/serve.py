"""`gridcall serve`: everything in one process, and with --demo the stand-ins beside it. Start, run, clean stop."""

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from app import http, ticks, vendors
from app.service import Service, load_rosters, open_stores
from config.roster_file import RosterFile, load_roster
from config.settings import Settings, load_settings
from model.clock import Clock, SystemClock
from model.errors import SettingsError
from model.ids import SystemIds
from sandbox import Settings as SandboxSettings
from sandbox import World
from sandbox import build as build_sandbox

log = structlog.get_logger(__name__)

DEMO_ROSTER = Path(__file__).parent.parent / "config" / "demo_roster.yaml"
PORTS_TRIED = 20
STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket and the address it has."""

    socket: socket.socket
    url: str


def listen(host: str, port: int, *, next_free: bool) -> Listening:
    """Bind. A taken port is an error, or (next_free) the next free one is used; port 0 takes any.

    IPPROTO_TCP is named because asyncio sets TCP_NODELAY only on sockets that say so.
    """
    for candidate in range(port, port + (PORTS_TRIED if next_free and port else 1)):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, candidate))
        except OSError:
            sock.close()
            continue
        if candidate != port and port:
            log.warning("port is taken, the next free one is used", taken=port, used=candidate)
        sock.listen(1024)
        shown = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 - compared, not bound
        return Listening(sock, f"http://{shown}:{sock.getsockname()[1]}")
    raise SettingsError(f"port {port} of {host} is taken: set GRIDCALL_HTTP_PORT to a free one")


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: the caller decides when it ends."""

    def install_signal_handlers(self) -> None:
        """Not here."""


def server(app: FastAPI) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="on",
        server_header=False,
        date_header=False,
    )
    return _Server(config)


def demo_settings(settings: Settings, api: Listening, standins: Listening) -> Settings:
    """The settings of the demo: every vendor is a stand-in, every secret is known."""
    play = SandboxSettings()
    return load_settings(
        **settings.model_dump(exclude_unset=True)
        | {
            "public_url": api.url,
            "twilio_account_sid": play.twilio_account_sid,
            "twilio_auth_token": play.twilio_auth_token,
            "twilio_from": play.default_sender,
            "twilio_base_url": f"{standins.url}/twilio",
            "slack_bot_token": play.slack_bot_token,
            "slack_signing_secret": play.slack_signing_secret,
            "slack_base_url": f"{standins.url}/slack/api/",
            "pagerduty_base_url": f"{standins.url}/pagerduty",
        }
    )


def standins_world(clock: Clock, api: Listening) -> World:
    return World(
        clock,
        SandboxSettings(
            twilio_sms_inbound_url=f"{api.url}/callbacks/twilio/sms/inbound",
            slack_actions_url=f"{api.url}/callbacks/slack/actions",
        ),
    )


def read_roster(path: Path) -> RosterFile:
    """Raises SettingsError with every problem of the file."""
    try:
        text = path.read_text()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    return load_roster(text, path.name)


async def serve(
    settings: Settings, *, demo: bool, ready: Callable[[Service, Listening, Listening | None], None]
) -> None:
    """Run until SIGINT or SIGTERM, or until a part fails. `ready` is called when everything listens."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        api = listen(settings.http_host, settings.http_port, next_free=demo)
        standins: Listening | None = None
        world: World | None = None
        if demo:
            standins = listen("127.0.0.1", settings.sandbox_port, next_free=True)
            settings = demo_settings(settings, api, standins)
            world = standins_world(clock, api)
        path = settings.roster or (DEMO_ROSTER if demo else None)
        file = read_roster(path) if path else None
        stores = open_stores(settings)
        rosters = await load_rosters(stores.database, file, clock.now(), demo=demo)
        connected = vendors.connect(settings, clock)
        service = Service(settings, stores, rosters, connected, clock, SystemIds())
        for sentence in connected.missing:
            log.warning(sentence)
        stack.push_async_callback(service.close)
        await service.sweeper.load()
        await _run(service, stop, api, standins, world, ready)


async def _run(
    service: Service,
    stop: asyncio.Event,
    api: Listening,
    standins: Listening | None,
    world: World | None,
    ready: Callable[[Service, Listening, Listening | None], None],
) -> None:
    """The loops and servers of one process. Whatever ends first ends them all; an error is raised to the caller."""
    servers = [(server(http.build(service)), api.socket)]
    if world is not None and standins is not None:
        servers.append((server(build_sandbox(world)), standins.socket))
    failed: list[BaseException] = []

    def job_failed(error: BaseException) -> None:
        failed.append(error)
        stop.set()

    scheduler = ticks.schedule(service.ticks(), job_failed)
    async with asyncio.TaskGroup() as group:
        loops = group.create_task(service.run(), name="loops")
        loops.add_done_callback(lambda _: stop.set())
        serving = [group.create_task(s.serve(sockets=[sock]), name="http") for s, sock in servers]
        scheduler.start()
        ready(service, api, standins)
        await stop.wait()
        # The door closes first, then the loops end: what was accepted is durable, what was claimed is written down.
        for s, _ in servers:
            s.should_exit = True
        if world is not None:
            await world.stop()
        await asyncio.gather(*serving)
        scheduler.shutdown(wait=False)
        loops.cancel()
    if failed:
        raise failed[0]
