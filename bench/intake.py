"""How fast events are accepted durably, against a bare echo, a bare FastAPI and a plain publish in the same run."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from bench import event, roster
from bench.engines import Engines, engines
from bench.load import Measured, closed_loop, request
from bench.processes import Running, cpu_seconds, server

ROUNDS = 5
ROUND_SECONDS = 2.0
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {roster.SECRET}"}


@dataclass(frozen=True)
class Kind:
    """A server to be measured. `settings`: those of Gridcall that make it what it is."""

    label: str
    server: str
    settings: Mapping[str, str] = field(default_factory=dict)


def kinds(found: Engines) -> list[Kind]:
    yes = [Kind("bare Starlette echo", "echo"), Kind("bare FastAPI, model argument", "model")]
    yes.append(Kind("Gridcall, embedded queue", "gridcall"))
    if found.database_url:
        yes.append(Kind("Gridcall, embedded, PostgreSQL", "gridcall", {"database_url": found.database_url}))
    if found.amqp_url:
        rabbit = {"amqp_url": found.amqp_url}
        yes += [
            Kind("FastAPI, one confirmed publish", "confirmed", rabbit),
            Kind("Gridcall, RabbitMQ", "gridcall", rabbit),
        ]
    return yes


@dataclass
class Rounds:
    running: Running
    measured: list[Measured] = field(default_factory=list)
    cpu_seconds: float = 0.0


def _next_request() -> bytes:
    return request("/v1/events", event.body()[1], HEADERS)


async def run() -> None:
    """Each kind in turn, round by round, so that a drifting machine drifts for all."""
    async with AsyncExitStack() as stack:
        found = stack.enter_context(engines())
        servers = {
            kind.label: await stack.enter_async_context(server(kind.server, **kind.settings)) for kind in kinds(found)
        }
        for connections in (1, 32):
            rounds = {label: Rounds(running) for label, running in servers.items()}
            for running in servers.values():
                await closed_loop(running.port, connections, 0.5, _next_request)  # warm
            for _ in range(ROUNDS):
                for one in rounds.values():
                    await _round(one, connections, found)
            _print(connections, rounds)


async def _round(one: Rounds, connections: int, found: Engines) -> None:
    roots = [one.running.pid, *found.postgres_pids(), *([found.rabbit_pid] if found.rabbit_pid else [])]
    before = cpu_seconds(*roots)
    one.measured.append(await closed_loop(one.running.port, connections, ROUND_SECONDS, _next_request))
    one.cpu_seconds += cpu_seconds(*roots) - before


def _print(connections: int, rounds: Mapping[str, Rounds]) -> None:
    print(
        f"\nIntake, connections: {connections}, {ROUNDS} rounds of {ROUND_SECONDS:g} s each; "
        "CPU of app, broker and database for each event"
    )
    print(f"{'':34}{'requests/s':>12}{'ratio to echo':>22}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}{'failed':>8}")
    echo = next(iter(rounds.values()))
    for label, one in rounds.items():
        whole = Measured()
        for measured in one.measured:
            whole.add(measured)
        ratios = sorted(a.per_second / b.per_second for a, b in zip(one.measured, echo.measured, strict=True))
        spread = f"{ratios[len(ratios) // 2]:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(
            f"{label:34}{whole.per_second:>12.0f}{spread:>22}{whole.percentile(0.5):>9.2f}{whole.percentile(0.99):>9.2f}"
            f"{one.cpu_seconds / max(1, len(whole.seconds)) * 1e6:>9.0f}{whole.failed:>8}"
        )
