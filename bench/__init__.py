"""Benchmarks. Each prints its figures with the machine and the versions they hold for; ratios are of one run."""
