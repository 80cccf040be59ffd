"""Who does what for now: a lease is a row with a holder and an end. A process that dies lets its leases run out."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, or_, select

from store.portable import upsert
from store.tables import leases

_TAKE = upsert(leases).values(name=bindparam("name"), holder=bindparam("holder"), until=bindparam("until"))
_HOLD = _TAKE.on_conflict_do_update(
    index_elements=["name"],
    set_={"holder": _TAKE.excluded.holder, "until": _TAKE.excluded.until},
    where=or_(leases.c.holder == _TAKE.excluded.holder, leases.c.until <= bindparam("now")),
)
_ROLES = select(leases.c.name, leases.c.until).where(leases.c.name.startswith("role/"))
_LIVING = select(leases.c.holder).where(leases.c.name.startswith("process/"), leases.c.until > bindparam("now"))


def hold(conn: Connection, name: str, holder: str, now: datetime, until: datetime) -> bool:
    """Take the lease, or keep it. False: somebody else has it."""
    return conn.execute(_HOLD, {"name": name, "holder": holder, "now": now, "until": until}).rowcount == 1


def hold_process(conn: Connection, holder: str, now: datetime, until: datetime) -> None:
    """This process lives: what it is sending is in its hands until then."""
    hold(conn, f"process/{holder}", holder, now, until)


def hold_roles(conn: Connection, roles: Collection[str], holder: str, now: datetime, until: datetime) -> None:
    """This process does these jobs until then."""
    for role in roles:
        hold(conn, f"role/{role}/{holder}", holder, now, until)


def roles(conn: Connection) -> dict[str, datetime]:
    """Until when somebody does each job, or did."""
    found: dict[str, datetime] = {}
    for name, until in conn.execute(_ROLES):
        role = name.split("/")[1]
        found[role] = max(until, found.get(role, until))
    return found


def living(conn: Connection, now: datetime) -> list[str]:
    """The processes whose lease has not run out."""
    return list(conn.scalars(_LIVING, {"now": now}))


def end(conn: Connection, holder: str) -> None:
    """Give back everything the holder has: it stops, or it is known to be dead."""
    conn.execute(delete(leases).where(leases.c.holder == holder))


def forget(conn: Connection, before: datetime) -> None:
    """Delete what ran out before then: of processes that will not come back."""
    conn.execute(delete(leases).where(leases.c.until < before))
