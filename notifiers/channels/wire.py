"""What a broken connection means for a request that must not happen twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.abc import AbstractResolver

from model.clock import Clock
from model.errors import OutcomeUnknown, SendError

CONNECT_SECONDS = 3.0
# Many servers close an idle connection after five seconds. A request that meets that moment has an unknown outcome and
# waits to be looked up: a new connection is cheaper.
IDLE_SECONDS = 3.0


def session(resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """A session without cookies whose only time-out is the one for connecting; the Clock bounds the rest.

    `resolver`: who finds addresses by name, None for the usual way.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(keepalive_timeout=IDLE_SECONDS, resolver=resolver),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


@asynccontextmanager
async def one_request(clock: Clock, seconds: float, vendor: str, *, changes: bool) -> AsyncIterator[None]:
    """Bound one request by our own clock and name what happened to it.

    No connection: certainly nothing was sent, SendError. A connection that broke or an answer that did not come in
    time: OutcomeUnknown when the request `changes` something at the vendor, a retryable SendError when it only reads.
    """
    try:
        async with clock.timeout(seconds):
            yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise SendError(f"{vendor}: no connection: {_name(error)}", retryable=True, code="connect") from error
    except TimeoutError as error:
        raise _lost(f"{vendor}: no answer within {seconds:g} s", changes) from error
    except (aiohttp.ClientError, OSError) as error:
        raise _lost(f"{vendor}: the connection broke: {_name(error)}", changes) from error


def _lost(message: str, changes: bool) -> SendError:
    return OutcomeUnknown(message) if changes else SendError(message, retryable=True, code="lost")


def _name(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()
