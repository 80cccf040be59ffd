"""What requests need: the service, and who is asking. All `async`: FastAPI runs plain functions in threads."""

from typing import Annotated

from fastapi import Depends, Request

from app.security import Caller, require
from app.service import Service
from config.keys import Role


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]


async def _caller(request: Request, service: ServiceDep) -> Caller:
    return service.rosters.caller(request.headers.get("authorization"))


CallerDep = Annotated[Caller, Depends(_caller)]


async def _operator(caller: CallerDep) -> Caller:
    require(caller, Role.OPERATOR, Role.ADMIN)
    return caller


async def _admin(caller: CallerDep) -> Caller:
    require(caller, Role.ADMIN)
    return caller


OperatorDep = Annotated[Caller, Depends(_operator)]
AdminDep = Annotated[Caller, Depends(_admin)]
