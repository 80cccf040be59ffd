"""Nouns and ports. Frozen values, no I/O; every other package may import this one and this one imports none."""
