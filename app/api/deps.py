"""What requests need: the service, and who is asking. All `async`: FastAPI runs plain functions in threads."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from starlette.requests import HTTPConnection

from app import access
from app.access import Door
from app.problems import refused
from app.security import Caller
from app.service import Service
from config.fields import did_you_mean

MOST_NAMED = 10  # of what somebody makes up


async def _service(request: Request) -> Service:
    service: Service = request.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]


async def admit(connection: HTTPConnection) -> Caller | None:
    """Every request passes here: who may use a route says app/access.py. None: the route asks for no key.

    A WebSocket says its key itself (app/api/live.py).
    """
    scope = connection.scope
    if scope["type"] != "http":
        return None
    who = access.who(scope["method"], scope["route"].path)
    if isinstance(who, Door):
        return None
    service: Service = connection.state.service
    return service.doorkeeper.admit(connection.headers.get("authorization"), address_of(connection), who)


async def known_query(connection: HTTPConnection) -> None:
    """What nobody would read is refused: whoever writes `?dry_run=true` must not have it done.

    Where no key is asked for, others say what is sent: a source that adds a parameter is heard all the same.
    """
    scope, given = connection.scope, connection.query_params
    if not given or scope["type"] != "http":
        return
    route = scope["route"]
    if isinstance(access.who(scope["method"], route.path), Door):
        return
    known = sorted(p.alias for p in get_flat_params(route.dependant) if isinstance(p.field_info, Query))
    expected = f"one of {', '.join(known)}" if known else "no parameter: nothing is read here"
    unknown = [name for name in given if name not in known][:MOST_NAMED]
    if unknown:
        raise refused([(f"query.{name}", f"{expected}{did_you_mean(name, known)}") for name in unknown])


def address_of(connection: HTTPConnection) -> str:
    """Where it comes from; behind a proxy on this host, as that says."""
    return connection.client.host if connection.client else ""


async def _caller(caller: Annotated[Caller | None, Depends(admit)]) -> Caller:
    if caller is None:
        raise LookupError("a route that asks for no key has no caller")
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]
