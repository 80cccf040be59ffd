"""Many seeds on several processes."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import NamedTuple

from tests.simulation.world import Outcome, run


class Done(NamedTuple):
    outcome: Outcome
    core_seconds: float


def outcomes(seeds: Sequence[int], processes: int, *, shuffled: bool = False) -> Iterator[Done]:
    """Each as it ends. Raises BrokenProcessPool when a process ended by itself."""
    if processes == 1:
        yield from (live(seed, shuffled=shuffled) for seed in seeds)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(live, seed, shuffled=shuffled) for seed in seeds]):
            yield done.result()


def live(seed: int, *, shuffled: bool = False) -> Done:
    began = time.process_time()
    outcome = run(seed, shuffled=shuffled)
    return Done(outcome, time.process_time() - began)
