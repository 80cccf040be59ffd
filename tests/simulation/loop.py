"""An event loop whose time is a number: when nothing is left to do at this instant, it jumps to the next timer.

Nothing in it depends on the machine: no sockets, no threads, and tasks hash by their number instead of their address.
"""

import asyncio
from collections.abc import Coroutine
from itertools import count
from random import Random
from typing import Any, NoReturn


class Stalled(Exception):
    """Nothing is ready and nobody waits for a time: what was begun can never end."""


class Spinning(Exception):
    """The step budget is used up: something goes round without time going on."""


class Task(asyncio.Task[Any]):
    """Sets of tasks must come out in one order in every run."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, Any], **more: Any) -> None:
        self._number = number
        super().__init__(coro, **more)

    def __hash__(self) -> int:
        return self._number


class _Jump:
    """What the loop asks for ready sockets: there are none, so time goes on."""

    def __init__(self, loop: "SimulatedLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        self._loop.turn(timeout)
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """`budget`: turns at most. `shuffle`: what is ready runs in an order drawn from it."""

    def __init__(self, budget: int = 2_000_000, shuffle: Random | None = None) -> None:
        super().__init__()
        self._shuffle = shuffle
        self._now = 0.0
        self._turns_left = budget
        self._numbers = count(1)
        self._selector = _Jump(self)
        self.set_task_factory(self._task)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def turn(self, timeout: float | None) -> None:
        self._turns_left -= 1
        if self._turns_left < 0:
            raise Spinning(f"at {self._now:.3f} s")
        if timeout is None:
            raise Stalled(f"at {self._now:.3f} s")
        if self._shuffle is not None:
            self._shuffle.shuffle(self._ready)  # type: ignore[attr-defined]
        if timeout > 0:
            self._now = max(self._now, self._scheduled[0]._when)  # type: ignore[attr-defined]

    def _task(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **more: Any) -> Task:
        number = next(self._numbers)
        more.setdefault("name", f"task {number}")
        return Task(number, coro, loop=self, **more)

    def _process_events(self, events: list[Any]) -> None:
        """There are none."""

    def _no(self, *_args: Any, **_more: Any) -> NoReturn:
        raise RuntimeError("the simulation has one thread and no network")

    run_in_executor = call_soon_threadsafe = getaddrinfo = getnameinfo = _no  # type: ignore[assignment]
    create_connection = create_server = subprocess_exec = subprocess_shell = _no  # type: ignore[assignment]
