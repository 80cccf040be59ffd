"""How fast events are accepted durably, against a bare echo and a bare FastAPI in the same run."""

from contextlib import AsyncExitStack

from bench import event, roster
from bench.load import Measured, closed_loop, request
from bench.processes import server

ROUNDS = 5
ROUND_SECONDS = 2.0
KINDS = {"echo": "bare Starlette echo", "model": "bare FastAPI, model argument", "gridcall": "Gridcall, durable intake"}
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {roster.SECRET}"}


def _next_request() -> bytes:
    return request("/v1/events", event.body()[1], HEADERS)


async def run() -> None:
    """Each kind in turn, round by round, so that a drifting machine drifts for all."""
    async with AsyncExitStack() as stack:
        ports = {kind: await stack.enter_async_context(server(kind)) for kind in KINDS}
        for connections in (1, 32):
            rounds: dict[str, list[Measured]] = {kind: [] for kind in KINDS}
            for port in ports.values():
                await closed_loop(port, connections, 0.5, _next_request)  # warm
            for _ in range(ROUNDS):
                for kind, port in ports.items():
                    rounds[kind].append(await closed_loop(port, connections, ROUND_SECONDS, _next_request))
            _print(connections, rounds)


def _print(connections: int, rounds: dict[str, list[Measured]]) -> None:
    print(f"\nIntake, connections: {connections}, {ROUNDS} rounds of {ROUND_SECONDS:g} s each")
    print(f"{'':34}{'requests/s':>12}{'ratio to echo':>22}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}")
    for kind, label in KINDS.items():
        whole = Measured()
        for measured in rounds[kind]:
            whole.add(measured)
        ratios = sorted(a.per_second / b.per_second for a, b in zip(rounds[kind], rounds["echo"], strict=True))
        spread = f"{ratios[len(ratios) // 2]:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(
            f"{label:34}{whole.per_second:>12.0f}{spread:>22}"
            f"{whole.percentile(0.5):>9.2f}{whole.percentile(0.99):>9.2f}{whole.failed:>8}"
        )
