"""One secret address for each source, known by its hash, on every database."""

from datetime import UTC, datetime

from store import ping_links
from store.ping_links import PingLink

NOW = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)


def link(sha256: str, source: str = "miso") -> PingLink:
    return PingLink(source=source, sha256=sha256, made_at=NOW, made_by="key ana")


async def test_a_new_one_takes_the_place_of_the_former(database):
    renewed = [await database.transact(lambda c, s=s: ping_links.put(c, link(s * 64))) for s in "12"]
    assert renewed == [False, True]
    await database.transact(lambda c: ping_links.put(c, link("3" * 64, "caiso")))
    assert await database.read(ping_links.hashes) == {"2" * 64: "miso", "3" * 64: "caiso"}
    assert await database.read(lambda c: ping_links.one(c, "miso")) == link("2" * 64)
    gone = [await database.transact(lambda c: ping_links.remove(c, "miso")) for _ in range(2)]
    assert gone == [True, False]
    assert await database.read(lambda c: ping_links.one(c, "miso")) is None
