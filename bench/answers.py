"""`GET /v1/oncall` of 5,000 people in 500 rotations of three layers, against a bare echo in the same run."""

import asyncio
import gc
import tracemalloc
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import perf_counter

from bench import coverage
from bench.load import Connection, Measured, always, closed_loop, got
from bench.processes import Running, server
from bench.roster import READER

ROUNDS = 5
ROUND_SECONDS = 2.0
HEADERS = {"Authorization": f"Bearer {READER}"}


@dataclass
class Rounds:
    """`raw`: the request that is repeated."""

    running: Running
    raw: bytes
    measured: list[Measured] = field(default_factory=list)


async def run() -> None:
    """Each in turn, round by round. The echo answers with as many bytes as a team's answer has."""
    _memory()
    async with AsyncExitStack() as stack:
        echo = await stack.enter_async_context(server("echo"))
        crowd = await stack.enter_async_context(server("crowd"))
        kinds = {
            "bare Starlette echo": Rounds(echo, got("/v1/oncall", {})),
            "one team, warm": Rounds(crowd, got("/v1/oncall?team=team7", HEADERS)),
            "all 500 rotations, warm": Rounds(crowd, got("/v1/oncall", HEADERS)),
        }
        await _cold(crowd)
        for connections in (1, 32):
            for _ in range(ROUNDS):
                for one in kinds.values():
                    one.measured.append(
                        await closed_loop(one.running.port, connections, ROUND_SECONDS, always(one.raw))
                    )
            _print(connections, kinds)
            for one in kinds.values():
                one.measured.clear()


async def _cold(crowd: Running) -> None:
    """The first answer of all, and how long a neighbour waits meanwhile at most."""
    connection, neighbour = await Connection.open(crowd.port), await Connection.open(crowd.port)
    waited = [0.0]

    async def ask_for_health() -> None:
        while True:
            began = perf_counter()
            await neighbour.ask(got("/healthz", {}))
            waited.append(perf_counter() - began)

    await neighbour.ask(got("/healthz", {}))  # the server may have just begun to listen
    asking = asyncio.create_task(ask_for_health())
    began = perf_counter()
    await connection.ask(got("/v1/oncall", HEADERS))
    took = perf_counter() - began
    asking.cancel()
    connection.close()
    neighbour.close()
    first, longest = 1000 * took, 1000 * max(waited)
    print(f"answers: the first of all 500 rotations {first:.0f} ms; meanwhile others waited {longest:.0f} ms at most")


def _memory() -> None:
    gc.collect()
    tracemalloc.start()
    roster = coverage.roster()
    rotas = len(roster.rotas)
    megabytes = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    print(f"answers: a roster of {len(roster.people)} people and {rotas} rotations is {megabytes:.1f} MB of memory")


def _print(connections: int, kinds: Mapping[str, Rounds]) -> None:
    print(f"\nGET /v1/oncall, connections: {connections}, {ROUNDS} rounds of {ROUND_SECONDS:g} s each")
    print(f"{'':34}{'requests/s':>12}{'ratio to echo':>22}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}")
    echo = next(iter(kinds.values()))
    for label, one in kinds.items():
        whole = Measured()
        for measured in one.measured:
            whole.add(measured)
        ratios = sorted(a.per_second / b.per_second for a, b in zip(one.measured, echo.measured, strict=True))
        spread = f"{ratios[len(ratios) // 2]:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(
            f"{label:34}{whole.per_second:>12.0f}{spread:>22}{whole.percentile(0.5):>9.2f}"
            f"{whole.percentile(0.99):>9.2f}{whole.failed:>8}"
        )
