"""Which of several PostgreSQL servers is connected to."""

from collections.abc import Sequence
from typing import Any

import asyncpg

_PASSED_OVER = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)


class InTurn:
    """Connects to the first that is up and writes; the next time it begins with that one.

    Left to asyncpg, all have one time limit together, and a host that says nothing, as one without power, uses it up.
    """

    def __init__(self) -> None:
        self._first = 0

    async def connect(self, *, host: Sequence[str] = (), port: Sequence[int] = (), **more: Any) -> Any:
        """Arguments and errors are those of `asyncpg.connect`; `timeout` (seconds) is for each server."""
        if len(host) < 2:
            return await asyncpg.connect(**_given(host=host, port=port), **more)
        order = (*range(self._first, len(host)), *range(self._first))
        for n in order:
            try:
                connection = await asyncpg.connect(host=host[n], port=port[n], **more)
            except _PASSED_OVER:
                if n == order[-1]:
                    raise
            else:
                self._first = n
                return connection
        raise AssertionError("the last one returns or raises")


def _given(**arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value}
