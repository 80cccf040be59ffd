"""What requests need: the service, and who is asking. All `async`: FastAPI runs plain functions in threads."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from app import access
from app.access import Door
from app.security import Caller
from app.service import Service


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


def address_of(connection: HTTPConnection) -> str:
    """Where it comes from; behind a proxy on this host, as that says."""
    return connection.client.host if connection.client else ""


async def _caller(caller: Annotated[Caller | None, Depends(admit)]) -> Caller:
    if caller is None:
        raise LookupError("a route that asks for no key has no caller")
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]
