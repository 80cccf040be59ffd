"""What a broken connection means for a request that must not happen twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver

from model.clock import Clock
from model.errors import OutcomeUnknown, SendError

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 3.0
# Many servers close an idle connection after five seconds. A request that meets that moment has an unknown outcome and
# waits to be looked up: a new connection is cheaper.
IDLE_SECONDS = 3.0
RETRY_AFTER_DIGITS = 6  # eleven days


def session(resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """A session without cookies whose only time-out is the one for connecting; the Clock bounds the rest.

    `resolver`: who finds addresses by name, None for the usual way.
    """
    return aiohttp.ClientSession(
        connector=_Connector(keepalive_timeout=IDLE_SECONDS, resolver=resolver),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class _Connector(aiohttp.TCPConnector):
    """Bounds connecting whatever a request says: Twilio's SDK brings a time-out of its own, which is none.

    Connecting begins with the name, which a slow or dead name server keeps. Until there is a connection nothing was
    sent, and that must be known before the Clock says that there was no answer.
    """

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the name is aiohttp's
    ) -> aiohttp.connector.Connection:
        return await super().connect(req, traces, aiohttp.ClientTimeout(connect=CONNECT_SECONDS))


@asynccontextmanager
async def one_request(clock: Clock, seconds: float, vendor: str, *, changes: bool) -> AsyncIterator[None]:
    """Bound one request by our own clock and name what happened to it.

    No connection: certainly nothing was sent, SendError. A connection that broke or an answer that did not come in
    time: OutcomeUnknown when the request `changes` something at the vendor, a retryable SendError when it only reads.
    So for an answer over which whoever reads it stumbles: no vendor can end a loop of ours by what it says.
    """
    try:
        async with clock.timeout(seconds):
            yield
    except SendError:
        raise
    except aiohttp.ConnectionTimeoutError as error:  # its text holds the whole address
        message = f"{vendor}: no connection within {CONNECT_SECONDS:g} s"
        raise SendError(message, retryable=True, code="connect") from error
    except aiohttp.ClientConnectorError as error:
        raise SendError(f"{vendor}: no connection: {_name(error)}", retryable=True, code="connect") from error
    except TimeoutError as error:
        raise _lost(f"{vendor}: no answer within {seconds:g} s", changes) from error
    except (aiohttp.ClientError, OSError) as error:
        raise _lost(f"{vendor}: the connection broke: {_name(error)}", changes) from error
    except Exception as error:
        log.warning("an answer of a vendor cannot be read", vendor=vendor, exc_info=True)
        raise unreadable(vendor, error, changes=changes) from error


def unreadable(vendor: str, why: Exception, *, changes: bool) -> SendError:
    """An answer of which nobody knows what it means. Its text is left out: it may hold numbers."""
    message = f"{vendor}: an answer that cannot be read: {type(why).__name__}"
    return OutcomeUnknown(message) if changes else SendError(message, retryable=True, code="unreadable")


def seconds_of(retry_after: str) -> float | None:
    """A Retry-After in seconds; None for a date, for nothing, and for what no vendor means."""
    plain = retry_after.isascii() and retry_after.isdigit() and len(retry_after) <= RETRY_AFTER_DIGITS
    return float(retry_after) if plain else None


def _lost(message: str, changes: bool) -> SendError:
    return OutcomeUnknown(message) if changes else SendError(message, retryable=True, code="lost")


def _name(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()
