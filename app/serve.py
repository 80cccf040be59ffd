"""Start, run, clean stop: everything in one process, with --demo the stand-ins beside it; or one role alone."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from app import duty_alarm, http, standins, supervision, ticks, tracing, vendors
from app.roles import Role
from app.rosters import load_rosters
from app.service import Service
from app.stores import open_shared, open_stores, snapshot_path
from app.watching import watch_ourselves
from config.roster_file import RosterFile, load_roster
from config.settings import Settings
from model.clock import SlewedClock, SystemClock
from model.errors import SettingsError, Unavailable
from model.ids import SystemIds
from model.tracing import Tracer
from notifiers import channels
from sandbox import World
from sandbox import build as build_sandbox
from store.database_time import TimeKeeper

log = structlog.get_logger(__name__)

DEMO_ROSTER = Path(__file__).parent.parent / "config" / "demo_roster.yaml"
DEMO_SOURCE = "miso"
PORTS_TRIED = 20
STOP_SECONDS = 2.0
MAX_WEBSOCKET_BYTES = 65_536  # watchers say who they are and nothing else


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket and the address it has."""

    socket: socket.socket
    url: str


def listen(host: str, port: int, *, next_free: bool, setting: str = "GRIDCALL_HTTP_PORT") -> Listening:
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
    raise SettingsError(f"port {port} of {host} is taken: set {setting} to a free one")


def in_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run a service's main coroutine to its end, on the faster loop."""
    # What is loaded stays: the collector need not look at it again, nor after every few hundred new objects.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: the caller decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not here: two servers share the process, and an end by signal is an ordinary end."""
        yield


def server(app: ASGIApp) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        ws_max_size=MAX_WEBSOCKET_BYTES,
        lifespan="on",
        server_header=False,
        date_header=False,
    )
    return _Server(config)


def read_roster(path: Path) -> RosterFile:
    """Raises SettingsError with every problem of the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8, at byte {error.start}") from None
    return load_roster(text, path.name)


async def serve(
    settings: Settings,
    *,
    demo: bool,
    ready: Callable[[Service, Listening, str | None], None],
    standins_url: str | None = None,
) -> None:
    """Run until SIGINT or SIGTERM, or until a part fails. `ready` is called when everything listens.

    A demo brings its own stand-ins for the vendors, or uses those that run at `standins_url`.
    """
    duty_alarm.told(settings, settings.public_url)
    stop = stop_signal()
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        api = listen(settings.http_host, settings.http_port, next_free=demo)
        own: Listening | None = None
        world: World | None = None
        if demo:
            if standins_url is None:
                own = listen("127.0.0.1", settings.sandbox_port, next_free=True)
                standins_url = own.url
                world = standins.world(clock, api.url)
            settings = standins.demo_settings(settings, api.url, standins_url)
        path = settings.roster or (DEMO_ROSTER if demo else None)
        file = read_roster(path) if path else None
        stores = open_stores(settings, clock)
        keep = snapshot_path(settings)
        rosters = await load_rosters(stores.database, file, clock.now(), demo=demo, keep=keep)
        connected = vendors.connect(settings, clock)
        channels.load(connected.channels.keys())
        tracer = _tracer(settings, stack)
        service = Service(settings, stores, rosters, connected, clock, SystemIds(), tracer=tracer)
        for sentence in (*connected.missing, *vendors.unheard(settings)):
            log.warning(sentence)
        stack.push_async_callback(service.close)
        await _remember_who_was_heard(service)
        if demo:
            # The demo's upstream says one word at the start, so that its silence can be waited for.
            service.notebook.heard(DEMO_SOURCE, clock.now())
        await _run(service, stop, api, own, world, lambda: ready(service, api, standins_url))


async def _remember_who_was_heard(service: Service) -> None:
    """For the greeting; the sweeper reads it by itself."""
    try:
        await service.hearing.load()
    except Unavailable as away:
        log.warning("who was heard is not known yet", error=str(away))


def _tracer(settings: Settings, stack: AsyncExitStack) -> Tracer:
    """Closed at the very end, when nobody makes spans any more."""
    tracer = tracing.open_tracer(settings)
    stack.push_async_callback(asyncio.to_thread, tracer.close)
    return tracer


async def run_role(settings: Settings, role: Role, ready: Callable[[Service, Listening], None]) -> None:
    """One role of several processes, until SIGINT or SIGTERM, or until a part fails."""
    duty_alarm.told(settings, settings.public_url)
    stop = stop_signal()
    clock = SlewedClock()
    async with AsyncExitStack() as stack:
        stores = open_shared(settings, clock)
        http_at = listen(settings.http_host, settings.http_port, next_free=False)
        time_keeper = TimeKeeper(stores.database, clock)
        await time_keeper.begin()
        file = read_roster(settings.roster) if settings.roster else None
        keep = snapshot_path(settings)
        rosters = await load_rosters(stores.database, file, clock.now(), demo=False, keep=keep)
        connected = vendors.connect(settings, clock)
        channels.load(connected.channels.keys())
        tracer = _tracer(settings, stack)
        service = Service(settings, stores, rosters, connected, clock, SystemIds(), {role}, tracer)
        if role in (Role.API, Role.NOTIFIER):
            for sentence in (*connected.missing, *vendors.unheard(settings)):
                log.warning(sentence)
        stack.push_async_callback(service.close)
        if role is Role.MONITOR:
            await service.housekeeping.make_months()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(time_keeper.run(), name="database time")
            await _run(service, stop, http_at, None, None, lambda: ready(service, http_at))
            keeping.cancel()


async def serve_standins(settings: Settings, api_url: str, ready: Callable[[Listening], None]) -> None:
    """Only the stand-ins, which call back the Gridcall at `api_url`, until SIGINT or SIGTERM."""
    stop = stop_signal()
    at = listen("127.0.0.1", settings.sandbox_port, next_free=False, setting="GRIDCALL_SANDBOX_PORT")
    world = standins.world(SystemClock(), api_url)
    running = server(build_sandbox(world))
    async with asyncio.TaskGroup() as group:
        group.create_task(running.serve(sockets=[at.socket]), name="http")
        ready(at)
        await stop.wait()
        running.should_exit = True
        await world.stop()


def stop_signal() -> asyncio.Event:
    """Set when SIGINT or SIGTERM comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _run(
    service: Service,
    stop: asyncio.Event,
    api: Listening,
    own_standins: Listening | None,
    world: World | None,
    ready: Callable[[], None],
) -> None:
    """The loops and servers of one process. Whatever ends first ends them all; an error is raised to the caller."""
    servers = [(server(http.build(service)), api.socket)]
    if world is not None and own_standins is not None:
        servers.append((server(build_sandbox(world)), own_standins.socket))
    supervisor = supervision.from_environment()
    # Beside the group: an error of a tick ends the process in order, as a stop does.
    ticking = asyncio.create_task(
        ticks.run([*service.ticks(), *supervisor.ticks(service.stuck)], service.clock), name="ticks"
    )
    ticking.add_done_callback(lambda _: stop.set())
    try:
        async with asyncio.TaskGroup() as group:
            loops = group.create_task(service.run(), name="loops")
            loops.add_done_callback(lambda _: stop.set())
            watching = group.create_task(watch_ourselves(service.settings, service.vital, service.clock), name="watch")
            serving = [group.create_task(s.serve(sockets=[sock]), name="http") for s, sock in servers]
            ready()
            supervisor.tell("READY=1")
            await stop.wait()
            supervisor.tell("STOPPING=1")
            # The door closes first, then the loops end: what was accepted is durable, what was claimed is written down.
            service.pubsub.close()  # live feeds would hold the servers up
            for s, _ in servers:
                s.should_exit = True
            if world is not None:
                await world.stop()
            watching.cancel()
            await asyncio.gather(*serving)
            ticking.cancel()  # before what it looks at
            loops.cancel()
    finally:
        ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
