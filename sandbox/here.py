"""The world that a request is for. The routes are made once in a process, since that takes long; worlds come and go."""

from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from sandbox.world import World


async def here(connection: HTTPConnection) -> World:
    """As the application that took the request has put it there (app.py)."""
    world: World = connection.state.world
    return world


Here = Annotated[World, Depends(here)]
