"""The port for tracing: spans along the road of a message, in the trace that its sender began, or in one of its own.

Contexts are W3C traceparents, "" where nothing is traced. Attributes never hold an address or words.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Tracer(Protocol):
    """`on` False: nothing is traced, and nobody need look up what a span would belong to."""

    on: bool

    def begin(self, name: str, sender: str, **attributes: str) -> AbstractContextManager[str]:
        """A span around the block in the sender's trace, or in a new one. The block gets the span's own context."""

    def span(self, name: str, parent: str, **attributes: str) -> AbstractContextManager[str]:
        """A span below `parent`; none, and no context, where there is no parent."""

    def close(self) -> None:
        """Hand over what has not been handed over yet. May take seconds."""


NOTHING = nullcontext("")


class Untraced:
    """Tracing is off."""

    on = False

    def begin(self, name: str, sender: str, **attributes: str) -> AbstractContextManager[str]:
        return NOTHING

    def span(self, name: str, parent: str, **attributes: str) -> AbstractContextManager[str]:
        return NOTHING

    def close(self) -> None:
        """There is nothing."""


UNTRACED = Untraced()
