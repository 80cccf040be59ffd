"""What the account for phone calls allows, and which part of it is for whom."""

from dataclasses import dataclass

RESERVE_FROM = 10  # with fewer lines none is kept back
RESERVE_ONE_IN = 5


@dataclass(frozen=True, slots=True)
class Phones:
    """`lines`: calls in the air at once. The account begins `calls_per_second`. Raises ValueError without a line."""

    lines: int = 5
    calls_per_second: float = 1.0

    def __post_init__(self) -> None:
        if self.lines < 1 or self.calls_per_second <= 0:
            raise ValueError(f"nobody can be called by {self.lines} lines at {self.calls_per_second:g} calls a second")


def line_reserve(lines: int) -> int:
    """Lines kept for the first ring of lane 0."""
    return 0 if lines < RESERVE_FROM else lines // RESERVE_ONE_IN


def lines_open_to(lines: int, lane: int, redial: bool) -> int:
    """How many of the lines may be in use once such a call has one: the first ring of lane 0 may use every line."""
    return lines if lane == 0 and not redial else lines - line_reserve(lines)
