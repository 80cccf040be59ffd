"""What a supervisor of systemd's kind is told: that the process is ready, that its loops turn, that it stops.

The words are those of sd_notify(3), datagrams to the socket it names. Without one there is nothing to do.
"""

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from app.ticks import Tick

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Supervision:
    """`watchdog_seconds`: when it hears nothing for so long it starts us again; None: it does not listen."""

    address: str | None
    watchdog_seconds: float | None

    def tell(self, words: str) -> None:
        """A supervisor that does not listen ends nothing, and is not waited for."""
        if self.address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.setblocking(False)
                to.sendto(words.encode(), self.address)
        except OSError as error:
            log.warning("the supervisor was not told", words=words, error=str(error))

    def ticks(self, stuck: Callable[[], Sequence[str]]) -> Sequence[Tick]:
        """Say that all is well while no loop is stuck, three times as often as it must be heard."""
        if self.watchdog_seconds is None:
            return ()

        async def alive() -> None:
            if not stuck():
                self.tell("WATCHDOG=1")

        return (Tick("watchdog", self.watchdog_seconds / 3, alive),)


def from_environment() -> Supervision:
    """As systemd sets it for the process that it starts, and for no other."""
    address = os.environ.get("NOTIFY_SOCKET") or None
    if address and address.startswith("@"):
        address = f"\0{address[1:]}"  # no file, a name of the kernel's
    usec = os.environ.get("WATCHDOG_USEC")
    ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return Supervision(address, int(usec) / 1_000_000 if address and usec and ours else None)
