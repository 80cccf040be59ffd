"""One role that kills itself: `python -m tests.crash.process ROLE POINT` is `gridcall ROLE` until it reaches the point.

SIGKILL is what the kernel, an orchestrator or a host that loses power does: nothing is flushed, given back or said.
"""

import functools
import inspect
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from app.cli import main
from broker.failover import FailoverBroker
from broker.rabbitmq import RabbitHandle
from broker.spool import Spool
from notifiers.channels.pagerduty import PagerDutyChannel
from notifiers.channels.slack import SlackChannel
from notifiers.channels.sms import SmsChannel
from notifiers.channels.voice import VoiceChannel
from routing import cases
from store import accepted, replies, seal

_CHANNELS = {"voice": VoiceChannel, "sms": SmsChannel, "slack": SlackChannel, "pagerduty": PagerDutyChannel}

# What is wrapped, and whether the process dies before or after it. Inside a transaction, "after" is before its commit.
POINTS: dict[str, tuple[Any, str, str]] = {
    "published": (FailoverBroker, "publish", "after"),  # durable, and no 202 yet
    "spooled": (Spool, "publish", "after"),  # the same while RabbitMQ is away
    "saved": (RabbitHandle, "ack", "before"),
    "revising": (cases, "save_change", "after"),
    "replying": (replies, "add", "after"),
    "recording": (accepted, "write", "after"),
    "sealing": (seal, "seal", "after"),
    **{f"claimed:{name}": (channel, "send", "before") for name, channel in _CHANNELS.items()},
    **{f"accepted:{name}": (channel, "send", "after") for name, channel in _CHANNELS.items()},
}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _deadly(work: Callable[..., Any], when: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(work):

        @functools.wraps(work)
        async def later(*given: Any, **more: Any) -> Any:
            if when == "before":
                _die()
            result = await work(*given, **more)
            _die()
            return result

        return later

    @functools.wraps(work)
    def now(*given: Any, **more: Any) -> Any:
        result = work(*given, **more)
        if when == "after" and result != 0:  # sealing nothing is nothing
            _die()
        return result

    return now


def mine(point: str) -> None:
    """Put the end of this process at `point`."""
    place, name, when = POINTS[point]
    setattr(place, name, _deadly(getattr(place, name), when))


if __name__ == "__main__":
    mine(sys.argv[2])
    main([sys.argv[1]])
