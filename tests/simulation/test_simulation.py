"""Some seeds with each run of the tests; `make sim` lives through thousands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import report
from tests.simulation.world import run

ROOT = Path(__file__).parents[2]
SEEDS = range(1, 9)
COMPARED = (12, 16)  # with crashes and storms of callbacks in them


@pytest.mark.parametrize("seed", SEEDS)
def test_every_invariant_holds(seed: int) -> None:
    outcome = run(seed)
    assert outcome.broken is None, report(outcome)


@pytest.mark.parametrize("seed", COMPARED)
def test_the_same_seed_is_the_same_run(seed: int) -> None:
    assert run(seed).hash == run(seed).hash


@pytest.mark.long
def test_the_hash_seed_changes_nothing() -> None:
    """Sets of words come out in another order in each process; no run may depend on it."""
    script = f"from tests.simulation.world import run; print(*(run(seed).hash for seed in {COMPARED}))"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(hashes) == 1, hashes
