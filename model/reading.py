"""What intake understood of a message, or why it did not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from model.digest import digest_of
from model.event import Content, Mode, Zone
from model.hole import CountedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What an address or a number of a format stands for. `mode`: of all that comes under it, unless it says more."""

    issuer: str = ""
    program: str = ""
    mode: Mode = Mode.ACTUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the roster knows of the words of a source's format: CAP's senders, OpenADR's programs and targets."""

    senders: Mapping[str, Named] = field(default_factory=dict)
    programs: Mapping[str, Named] = field(default_factory=dict)
    targets: Mapping[str, Zone] = field(default_factory=dict)


NO_NAMES = Names()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """How one source's messages are to be read. `mapping`: an expression for each field, of the format of that name.

    `counted_by`: where their numbers stand, None: they have none.
    """

    source: str
    format: str = "canonical"
    timezone: str = "UTC"
    critical: bool = False
    names: Names = NO_NAMES
    mapping: Mapping[str, str] = field(default_factory=dict)
    counted_by: CountedBy | None = None


class Order(StrEnum):
    """By what statements about one event follow each other, where they carry no revision."""

    NUMBERED = "numbered"  # a new one claims to be the first, everything else follows the last
    ISSUED = "issued"  # by the time of issue: an older one is stale, whatever it says
    ARRIVAL = "arrival"  # as they come in; each tells how things are now


@dataclass(frozen=True, slots=True, kw_only=True)
class Follows:
    """How placing finds the event of a statement that does not name it.

    `statements`: native ids of this and earlier ones; the event of any that is known. `alike`: else the open events
    of the same mode, issuer, destination, step and zones. `own_id`: the event it begins when there is none.
    """

    own_id: str
    statements: tuple[str, ...] = ()
    alike: bool = False


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a dict
class Reading:
    """One event statement, read.

    `event_id` None: the payload fixes none, placing finds or makes it by `follows`. `revision` None: not numbered by
    the issuer, `order` says what comes after what.
    `key`: what placing locks so that two statements about one event never race: the native event id where the
    payload fixes it, else the source. `native_id` is the sender's id of this delivery (CloudEvents id).
    `parsed` is the statement as JSON data, for the evidence. `whole`: texts of the content before they were cut.
    `own_digest`: by what the format tells its statements apart, where that is not their content.
    `sequence`: the number of its message among all of the source, where the source numbers them.
    `note`: why it is only written down, when it changes nothing of the event that it names.
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
    follows: Follows | None = None
    order: Order = Order.NUMBERED
    note: str = ""
    sequence: int | None = None

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
