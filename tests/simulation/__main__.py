"""`make sim`: live through many seeds, or replay one with its trace.

python -m tests.simulation --seeds 2000 [--first 1] [--processes 2]
python -m tests.simulation --seed 4127
"""

import argparse
import os
import sys
import time
from collections import Counter

from tests.simulation.many import outcomes
from tests.simulation.mix import mix
from tests.simulation.world import Outcome, run

PROGRESS_EVERY = 100
SHOWN_FAILURES = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one, with a trace to read")
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--shuffled", action="store_true", help="run what is ready in an order drawn from the seed")
    wanted = parser.parse_args()
    if wanted.seed is not None:
        return _replay(wanted.seed, shuffled=wanted.shuffled)
    return _many(range(wanted.first, wanted.first + wanted.seeds), wanted.processes, shuffled=wanted.shuffled)


def _replay(seed: int, *, shuffled: bool) -> int:
    outcome = run(seed, shuffled=shuffled, kept=True)
    print(mix(seed))
    print("\n".join(outcome.lines))
    print(_counted(outcome.faults))
    print(report(outcome))
    return 1 if outcome.broken else 0


def _many(seeds: range, processes: int, *, shuffled: bool) -> int:
    faults: Counter[str] = Counter()
    broken: list[Outcome] = []
    began, core = time.monotonic(), 0.0
    for number, done in enumerate(outcomes(seeds, processes, shuffled=shuffled), start=1):
        faults.update(done.outcome.faults)
        core += done.core_seconds
        if done.outcome.broken:
            broken.append(done.outcome)
            if len(broken) <= SHOWN_FAILURES:
                print(report(done.outcome), flush=True)
        if number % PROGRESS_EVERY == 0:
            print(f"{number} of {len(seeds)} seeds, {len(broken)} broken, {sum(faults.values())} faults", flush=True)
    print(_counted(faults))
    took = time.monotonic() - began
    print(f"{len(seeds)} seeds in {took:.0f} s, {core / len(seeds):.2f} core-seconds each, {len(broken)} broken")
    if broken:
        print("broken:", *sorted(outcome.seed for outcome in broken))
    return 1 if broken else 0


def _counted(faults: Counter[str]) -> str:
    lines = [f"{count:8d}  {name}" for name, count in sorted(faults.items())]
    return "\n".join(["faults injected:", *lines, f"{sum(faults.values()):8d}  in all"])


def report(outcome: Outcome) -> str:
    """A failing seed is the bug report."""
    hash_seed = os.environ.get("PYTHONHASHSEED", "random")
    order = ", in shuffled order (asyncio may never make it)" if outcome.shuffled else ""
    head = f"seed {outcome.seed}{order}, PYTHONHASHSEED {hash_seed}, trace {outcome.hash}"
    if outcome.broken is None:
        return f"{head}: every invariant holds, {outcome.seconds:.0f} simulated seconds"
    return f"BROKEN {head}, after {outcome.seconds:.1f} simulated seconds:\n{outcome.broken}\n" + (
        f"Replay it: make sim SEED={outcome.seed}{' SIM_ARGS=--shuffled' if outcome.shuffled else ''}"
    )


if __name__ == "__main__":
    sys.exit(main())
