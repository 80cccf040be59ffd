"""A disk that is full inside a group of transactions is a database that is away, for every member of the group."""

import asyncio

from model.errors import Unavailable
from store.places import SqliteFile


async def test_a_full_disk_is_away_for_the_whole_group(tmp_path):
    place = SqliteFile(tmp_path / "gridcall.db")
    place.upgrade()
    database = place.open()

    def fill_up(conn):
        conn.exec_driver_sql(f"PRAGMA max_page_count={conn.exec_driver_sql('PRAGMA page_count').scalar_one()}")

    def write(conn):
        conn.exec_driver_sql("INSERT INTO big VALUES (zeroblob(3000000))")

    await database.transact(lambda conn: conn.exec_driver_sql("CREATE TABLE big (x)"))
    await database.transact(fill_up)
    found = await asyncio.gather(*(database.transact(write) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in found] == [Unavailable] * 3
    await database.close()
