"""Whatever a server or a pooler says while we connect, nothing is wrong with what was to be asked: it is away."""

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

from model.errors import Unavailable
from store.postgres import PostgresDatabase, at_once

SSL_REQUEST = 80877103


def refusal(code: str) -> bytes:
    """PostgreSQL's ErrorResponse."""
    fields = b"SFATAL\0VFATAL\0C" + code.encode() + b"\0Mnot today\0\0"
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


@pytest.fixture(params=["42501", "42P01", "0A000", "XX000", "22021", "P0001"])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def hello() -> bytes:
            return await reader.readexactly(struct.unpack("!i", await reader.readexactly(4))[0] - 4)

        if struct.unpack("!i", (await hello())[:4])[0] == SSL_REQUEST:
            writer.write(b"N")
            await hello()
        writer.write(refusal(request.param))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    yield f"postgresql://u:p@127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    server.close()


async def test_a_refused_connection_is_away(url: str) -> None:
    database = PostgresDatabase(url)
    with pytest.raises(Unavailable, match="not today"):
        await database.read(lambda conn: None)
    await database.close()


async def test_for_a_command_too(url: str) -> None:
    with pytest.raises(Unavailable, match="not today"):
        await asyncio.to_thread(at_once, url, lambda conn: None)
