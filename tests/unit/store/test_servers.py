"""Of several servers one that says nothing keeps nobody from the next."""

import socket
from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy import make_url, text

from model.errors import Unavailable
from store import address, postgres, servers
from store.postgres import PostgresDatabase
from store.servers import InTurn


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports that were tried."""
    real, ports = asyncpg.connect, []

    async def connect(**arguments):
        ports.append(arguments["port"])
        return await real(**arguments)

    monkeypatch.setattr(servers.asyncpg, "connect", connect)
    return ports


@pytest.fixture
def silent() -> Iterator[int]:
    """A host that takes connections and says nothing: as good as one without power."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def behind(port: int, url: str) -> tuple[str, int]:
    """The address with that port tried first, and its own port."""
    own = make_url(url)
    password = f":{own.password}" if own.password else ""
    ours = own.port or address.PORT
    hosts = f"127.0.0.1:{port},{own.host or '127.0.0.1'}:{ours}"
    return f"postgresql://{own.username}{password}@{hosts}/{own.database}", ours


async def test_who_answered_is_asked_first_from_then_on(postgres_url: str, silent: int, asked: list[int]) -> None:
    url, ours = behind(silent, postgres_url)
    in_turn, arguments = InTurn(), address.read(url).for_asyncpg()
    for expected in ([silent, ours], [ours]):
        asked.clear()
        connection = await in_turn.connect(timeout=0.5, **arguments)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        assert asked == expected


async def test_the_pool_comes_through(postgres_url: str, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "CONNECT_SECONDS", 0.5)
    database = PostgresDatabase(behind(silent, postgres_url)[0])
    assert await database.read(lambda conn: conn.scalar(text("SELECT 1"))) == 1
    await database.close()


async def test_where_none_answers_it_is_away(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "CONNECT_SECONDS", 0.2)
    database = PostgresDatabase(f"postgresql://u:p@127.0.0.1:{silent},127.0.0.1:{silent}/x")
    with pytest.raises(Unavailable):
        await database.read(lambda conn: None)
    await database.close()
