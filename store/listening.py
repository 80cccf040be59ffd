"""Which process took messages in from when to when. Written with what it heard, so that both are known together."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from model.monitor import Listening
from store.portable import lockable, upsert
from store.tables import listening

_EVERY = select(listening)
_NEW = upsert(listening)
_NOTE = _NEW.on_conflict_do_update(index_elements=["process"], set_={"until": _NEW.excluded.until})
_END_OTHERS = (
    update(listening).where(listening.c.process != bindparam("this"), listening.c.ended.is_(False)).values(ended=True)
)


def note(conn: Connection, process: str, since: datetime, until: datetime) -> None:
    """It has listened without a break; what it heard until then is written in this transaction."""
    conn.execute(_NOTE, {"process": process, "since": since, "until": until, "ended": False})
    if not lockable(conn):  # the database of one process: whoever was before it has died
        conn.execute(_END_OTHERS, {"this": process})


def end(conn: Connection, process: str) -> None:
    """It stops: nobody need wait for it."""
    conn.execute(update(listening).where(listening.c.process == process).values(ended=True))


def every(conn: Connection) -> list[Listening]:
    return [Listening(**row) for row in conn.execute(_EVERY).mappings()]


def forget(conn: Connection, before: datetime) -> None:
    """Delete the records of what ended before then."""
    conn.execute(delete(listening).where(listening.c.until < before))
