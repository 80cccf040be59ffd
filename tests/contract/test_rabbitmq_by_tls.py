"""`amqps://`: the server's certificate is checked, and what cannot be trusted gets no password."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from broker.base import Durability
from broker.rabbitmq import RabbitBroker
from model.clock import SystemClock
from model.errors import Unavailable
from tests import services
from tests.contract.test_broker import message, running
from tests.contract.test_rabbitmq_trouble import ids_until, prefix, url
from tests.tcp_proxy import Proxy

__all__ = ["prefix", "url"]
pytestmark = [pytest.mark.service("rabbitmq"), pytest.mark.service("openssl")]
SUBJECT = ["-subj", "/CN=rabbit.test", "-addext", "subjectAltName=DNS:localhost"]


class TlsEnd(Proxy):
    """Ends TLS before the RabbitMQ that is there; `taken` counts the handshakes that went well."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url)
        self.certificate, key = folder / "cert.pem", folder / "key.pem"
        made = [services.path("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        made += ["-nodes", "-days", "2", "-keyout", key, "-out", self.certificate, *SUBJECT]
        subprocess.run(made, check=True, capture_output=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, key)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        who = urlsplit(self._there.geturl())
        self.url = f"amqps://{who.username}:{who.password}@localhost:{self.port}{who.path}"


@asynccontextmanager
async def tls_end(url: str, folder: Path) -> AsyncIterator[TlsEnd]:
    found = TlsEnd(url, folder)
    await found.start()
    try:
        yield found
    finally:
        await found.close()


async def test_a_message_goes_through_and_comes_back(url: str, prefix: str, tmp_path: Path) -> None:
    async with tls_end(url, tmp_path) as end:
        broker = RabbitBroker(f"{end.url}?cafile={end.certificate}", SystemClock(), prefix=prefix, publish_seconds=10)
        async with running(broker):
            assert await broker.publish(message("a")) is Durability.BROKER
            assert await ids_until(broker, {"a"}) == ["a"]
        assert end.taken > 0


@pytest.mark.parametrize("wrong", ["unknown authority", "another name"])
async def test_a_certificate_that_is_not_its_own_is_refused(url: str, prefix: str, tmp_path: Path, wrong: str) -> None:
    """The sender hears that RabbitMQ is away; not a byte went to whoever is there."""
    async with tls_end(url, tmp_path) as end:
        cafile = f"?cafile={end.certificate}"
        there = end.url if wrong == "unknown authority" else end.url.replace("localhost", "127.0.0.1") + cafile
        broker = RabbitBroker(there, SystemClock(), prefix=prefix, publish_seconds=2)
        async with running(broker):
            with pytest.raises(Unavailable):
                await broker.publish(message("a"))
        assert end.taken == 0
