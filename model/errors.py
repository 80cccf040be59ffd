"""Every error that crosses a boundary. One type per boundary; it carries the decision, vendor codes do not leave it.

GridcallError
├── SettingsError        settings or roster cannot be used: says where and what was expected
│   └── WrongFields      the same with the `problems` apart: where, and a sentence
├── QueueFull            the broker takes no more: answer 503 with Retry-After
├── Unavailable          the broker or the database cannot be reached now: wait, never count it against a message
├── Undecidable          a message that cannot be decided: becomes Unreadable
├── Unreached            a source cannot be talked to: says why, and is tried again
├── Refused              a request that makes no sense in this state: answer 409 with the sentence
└── SendError            a channel could not send; `retryable`, `retry_after_seconds`
    └── OutcomeUnknown   the vendor may or may not have accepted: look before repeating
"""


class GridcallError(Exception):
    """Base of the tree above."""


class SettingsError(GridcallError):
    """Settings or a roster that cannot be used. Nothing was changed by them."""


class WrongFields(SettingsError):
    """Fields of a roster are wrong. `problems`: the path of each, such as `people.ana.phone`, and what was expected."""

    def __init__(self, message: str, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.problems = problems


class QueueFull(GridcallError):
    """As many messages as the queue may hold are in it, or as many bytes."""

    def __init__(self, depth: int, bytes_: int | None = None, retry_after_seconds: int = 5) -> None:
        size = f" of {bytes_} bytes" if bytes_ is not None else ""
        super().__init__(f"the queue holds {depth} messages{size}, its limit")
        self.retry_after_seconds = retry_after_seconds


class Unavailable(GridcallError):
    """Infrastructure is away; the caller holds what it has and tries again."""


class Undecidable(GridcallError):
    """Placing or planning could not decide about a message, and trying again would not help."""


class Refused(GridcallError):
    """The thing asked for does not fit the event's state; nothing was changed."""


class Unreached(GridcallError):
    """A source that was to be asked or told something. Nothing of it is known to have come there."""


class SendError(GridcallError):
    """A send failed for certain: nothing reached the person by this attempt.

    `code` is the vendor's own code for the evidence. `stop_channel` means every other send there would fail too
    (credentials refused); `bad_address` means this address will never work. `answered`: the vendor understood the
    request and refused it, so that it is not away.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        code: str | None = None,
        retry_after_seconds: float | None = None,
        bad_address: bool = False,
        stop_channel: bool = False,
        answered: bool = False,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.code = code
        self.retry_after_seconds = retry_after_seconds
        self.bad_address = bad_address
        self.stop_channel = stop_channel
        self.answered = answered


class OutcomeUnknown(SendError):
    """The answer was lost. The reconciler looks at the vendor before anything is repeated."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)
