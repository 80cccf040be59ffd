"""HTTP to sources: bounded in time and size, no redirects, no proxy, no cookies, and only where `reach` allows it."""

import socket
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from model.clock import Clock
from model.errors import Unreached
from upstream.reach import Allowed

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
MOST_BYTES = 4_000_000


class Answer(NamedTuple):
    status: int
    body: bytes


class Web:
    """`certificate`: a PEM file with our certificate and its key, shown to whoever asks for one."""

    def __init__(self, clock: Clock, allowed: Allowed, certificate: Path | None = None) -> None:
        self._clock = clock
        self._allowed = allowed
        self._certificate = certificate
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Raises Unreached."""
        return await self._ask("GET", url, params=dict(query), headers=dict(headers))

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises Unreached."""
        return await self._ask("POST", url, data=body, headers=dict(headers))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask(self, method: str, url: str, **more: Any) -> Answer:
        host = urlsplit(url).hostname
        if why := self._allowed.refuses(url):
            raise Unreached(why)
        try:
            async with (
                self._clock.timeout(ANSWER_SECONDS),
                self._opened().request(method, url, allow_redirects=False, **more) as answer,
            ):
                return Answer(answer.status, await _bounded(answer))
        except TimeoutError:
            raise Unreached(f"{host} did not answer within {ANSWER_SECONDS:g} s") from None
        except (
            aiohttp.ClientError,
            OSError,
            ValueError,
        ) as error:  # ValueError: a name that no name server can be asked
            raise Unreached(f"{host} cannot be reached: {_why(error)}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=_Resolver(self._allowed), ssl=_tls(self._certificate)),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity", "User-Agent": "Gridcall"},
                auto_decompress=False,  # what we did not ask for is not unpacked
            )
        return self._session


class _Resolver(AbstractResolver):
    """Every address is looked at where it is used: another answer of the name server changes nothing afterwards."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for address in found:
            if why := self._allowed.refuses_address(address["host"]):
                raise OSError(why)
        return found

    async def close(self) -> None:
        await self._resolver.close()


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = await answer.content.read(MOST_BYTES + 1)
    while len(body) <= MOST_BYTES and not answer.content.at_eof():
        body += await answer.content.read(MOST_BYTES + 1 - len(body))
    if len(body) > MOST_BYTES:
        raise Unreached(f"{answer.url.host} answers with more than {MOST_BYTES} bytes")
    return body


def _tls(certificate: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if certificate:
        context.load_cert_chain(certificate)
    return context


def _why(error: Exception) -> str:
    """Without the words of the library, which quote whole URLs."""
    inner: Sequence[object] = [getattr(error, "os_error", None), error.__cause__, error]
    said = next((str(one) for one in inner if isinstance(one, OSError) and str(one)), "")
    return said or type(error).__name__
