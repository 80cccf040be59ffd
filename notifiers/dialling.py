"""Which numbers may be called and texted, and from which of ours: by the longest beginning that fits. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import phonenumbers

from model.errors import SendError

PREMIUM = "premium-rate"
SHOWN_CHARS = 6


@dataclass(frozen=True, slots=True)
class Dialling:
    """`number`: ours, where none of `callers` fits. `rules`: whether numbers that begin so may be called.

    Without a rule that allows something everything may be called that no rule forbids. Premium-rate numbers never.
    """

    number: str
    callers: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, bool] = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[str, ...]:
        """All of ours, each once."""
        return tuple(dict.fromkeys((self.number, *self.callers.values())))

    def caller(self, to: str) -> str:
        """The number of ours that `to` sees. Raises SendError where it may not be called."""
        if rule := self.forbids(to):
            raise SendError(f"not allowed: {rule}", retryable=False, code="destination", bad_address=True)
        return self.ours(to)

    def ours(self, to: str) -> str:
        """The number of ours that `to` sees, may it be called or not."""
        return next((self.callers[prefix] for prefix in _beginnings(to) if prefix in self.callers), self.number)

    def forbids(self, to: str) -> str:
        """The name of the rule that forbids it, "" where none does."""
        if _premium(to):
            return PREMIUM
        rule = next((prefix for prefix in _beginnings(to) if prefix in self.rules), None)
        if rule is not None:
            return "" if self.rules[rule] else f"{_shown(rule)} is forbidden by GRIDCALL_TWILIO_DESTINATIONS"
        return "no rule of GRIDCALL_TWILIO_DESTINATIONS allows it" if any(self.rules.values()) else ""


def _shown(rule: str) -> str:
    """As it may stand in evidence: a rule may be somebody's whole number."""
    return rule if len(rule) <= SHOWN_CHARS else f"{rule[:SHOWN_CHARS]}…"


def _beginnings(number: str) -> Iterator[str]:
    """The longest first."""
    return (number[:length] for length in range(len(number), 1, -1))


@lru_cache(maxsize=10_000)  # a look into the tables of all countries costs more than the rest of what is done here
def _premium(number: str) -> bool:
    try:
        return phonenumbers.number_type(phonenumbers.parse(number)) == phonenumbers.PhoneNumberType.PREMIUM_RATE
    except phonenumbers.NumberParseException:
        return False
