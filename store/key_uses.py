"""When each secret was last used. A secret is named by its hash, so a renewed one begins anew."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select, union_all

from store.portable import upsert
from store.tables import key_uses, keys


def note(conn: Connection, used: Mapping[str, datetime]) -> None:
    """Never earlier than what is known. Secrets that open nothing any more are forgotten."""
    for sha256, at in sorted(used.items()):  # in one order, so that two processes never wait for each other
        statement = upsert(key_uses).values(sha256=sha256, used_at=at)
        new = statement.excluded.used_at
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=["sha256"], set_={"used_at": new}, where=key_uses.c.used_at < new
            )
        )
    known = union_all(select(keys.c.sha256), select(keys.c.former_sha256).where(keys.c.former_sha256.is_not(None)))
    conn.execute(delete(key_uses).where(key_uses.c.sha256.not_in(known)))


def every(conn: Connection) -> dict[str, datetime]:
    return {row.sha256: row.used_at for row in conn.execute(select(key_uses))}
