"""What intake understood of a message, or why it did not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from model.digest import digest_of
from model.event import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """How one source's messages are to be read."""

    source: str
    format: str = "canonical"
    timezone: str = "UTC"
    critical: bool = False


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a dict
class Reading:
    """One event statement, read.

    `event_id` None: the payload fixes none, placing finds or makes it. `revision` None: not numbered by the issuer.
    `key`: what placing locks so that two statements about one event never race: the native event id where the
    payload fixes it, else the source. `native_id` is the sender's id of this delivery (CloudEvents id).
    `parsed` is the statement as JSON data, for the evidence. `whole`: texts of the content before they were cut.
    `own_digest`: by what the format tells its statements apart, where that is not their content.
    """

    event_id: str | None
    revision: int | None
    content: Content
    key: str
    native_id: str | None = None
    ce_source: str | None = None
    warnings: tuple[str, ...] = ()
    parsed: Any = None
    whole: Mapping[str, str] = field(default_factory=dict)
    own_digest: str | None = None

    @cached_property
    def digest(self) -> str:
        """Tells two statements with one id apart. Worked out when asked for: the door never asks."""
        return self.own_digest or digest_of(self.content, self.whole)


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
