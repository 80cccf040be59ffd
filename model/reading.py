"""What intake understood of a message, or why it did not."""

from dataclasses import dataclass
from typing import Any

from model.event import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """How one source's messages are to be read."""

    source: str
    format: str = "canonical"
    timezone: str = "UTC"
    critical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One event statement, read.

    `event_id` None: the payload fixes none, placing finds or makes it. `revision` None: not numbered by the issuer.
    `key`: what placing locks so that two statements about one event never race: the native event id where the
    payload fixes it, else the source. `native_id` is the sender's id of this delivery (CloudEvents id).
    `parsed` is the statement as JSON data, for the evidence; `digest` tells two statements with one id apart.
    """

    event_id: str | None
    revision: int | None
    content: Content
    key: str
    digest: str
    native_id: str | None = None
    ce_source: str | None = None
    warnings: tuple[str, ...] = ()
    parsed: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one field: `field` as a JSON path such as `data.issued_at`, "" for the whole body."""

    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A message nobody could read. It is kept whole, told about, repaired by a person and replayed."""

    problems: tuple[Problem, ...]
    event_id: str | None = None

    @property
    def reason(self) -> str:
        return "; ".join(str(p) for p in self.problems)
