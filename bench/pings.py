"""How fast heartbeats at a secret address are taken, against a bare echo of nothing in the same run."""

from contextlib import AsyncExitStack

from bench import roster
from bench.load import Measured, always, closed_loop, request
from bench.processes import server

ROUNDS = 5
ROUND_SECONDS = 2.0
ECHO = "bare Starlette echo, no body"
REQUESTS = {
    ECHO: request("/v1/events", b"", {}),
    "Gridcall, GET of a secret address": request(f"/v1/ping/{roster.PING}", b"", {}, "GET"),
    "Gridcall, POST of it": request(f"/v1/ping/{roster.PING}", b"", {}),
    "Gridcall, POST with a key": request(
        "/v1/sources/bench/heartbeat", b"", {"Authorization": f"Bearer {roster.SECRET}"}
    ),
}


async def run() -> None:
    """Each in turn, round by round, so that a drifting machine drifts for all."""
    async with AsyncExitStack() as stack:
        echo = await stack.enter_async_context(server("echo"))
        ours = await stack.enter_async_context(server("gridcall"))
        ports = {label: (echo if label == ECHO else ours).port for label in REQUESTS}
        for connections in (1, 32):
            rounds: dict[str, list[Measured]] = {label: [] for label in REQUESTS}
            for label, raw in REQUESTS.items():
                await closed_loop(ports[label], connections, 0.5, always(raw))  # warm
            for _ in range(ROUNDS):
                for label, raw in REQUESTS.items():
                    seconds = ROUND_SECONDS
                    rounds[label].append(await closed_loop(ports[label], connections, seconds, always(raw)))
            _print(connections, rounds)


def _print(connections: int, rounds: dict[str, list[Measured]]) -> None:
    print(f"\nPings, connections: {connections}, {ROUNDS} rounds of {ROUND_SECONDS:g} s each")
    print(f"{'':36}{'requests/s':>12}{'ratio to echo':>22}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}")
    for label, measured in rounds.items():
        whole = Measured()
        for one in measured:
            whole.add(one)
        ratios = sorted(a.per_second / b.per_second for a, b in zip(measured, rounds[ECHO], strict=True))
        spread = f"{ratios[len(ratios) // 2]:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(
            f"{label:36}{whole.per_second:>12.0f}{spread:>22}{whole.percentile(0.5):>9.2f}{whole.percentile(0.99):>9.2f}"
            f"{whole.failed:>8}"
        )
