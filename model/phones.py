"""What the account for calls and texts allows, and which part of it is for whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from model.call_lengths import Learned, Length, within
from model.roster import Policy

RESERVE_FROM = 10  # with fewer lines none is kept back
RESERVE_ONE_IN = 5


@dataclass(frozen=True, slots=True)
class Phones:
    """`lines`: calls in the air at once. The account begins `calls_per_second`. Raises ValueError without a line.

    `texts_per_second`: parts of texts that its number sends; the rest waits at the vendor. `learned`: by policies, how
    long the calls of late were.
    """

    lines: int = 5
    calls_per_second: float = 1.0
    texts_per_second: float = 1.0
    learned: Mapping[str, Learned] = field(default_factory=dict)

    def __str__(self) -> str:
        lines, calls = ("" if n == 1 else "s" for n in (self.lines, self.calls_per_second))
        return f"{self.lines} line{lines}, {self.calls_per_second:g} call{calls} a second"

    def __post_init__(self) -> None:
        if self.lines < 1 or self.calls_per_second <= 0:
            raise ValueError(f"nobody can be called by {self}")

    def length_of(self, policy: Policy) -> Length:
        """How long a call by that policy is reckoned with: for a forecast, never for a promise that it is over."""
        learned = self.learned.get(policy.id) if policy.learn_call_seconds else None
        if learned is None:
            return Length(policy.ring_seconds, policy.call_seconds)
        return Length(policy.ring_seconds, within(learned, policy.call_seconds), learned.calls)


USUAL = Phones()  # of an account nobody has said anything of


def usual() -> Phones:
    return USUAL


def line_reserve(lines: int) -> int:
    """Lines kept for the first ring of lane 0."""
    return 0 if lines < RESERVE_FROM else lines // RESERVE_ONE_IN


def lines_open_to(lines: int, lane: int, redial: bool) -> int:
    """How many of the lines may be in use once such a call has one: the first ring of lane 0 may use every line."""
    return lines if lane == 0 and not redial else lines - line_reserve(lines)
