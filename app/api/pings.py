"""A source says that it is alive at an address that is a secret: a bare ASGI function, as the hot route is.

It needs no key, no body and no database: the word is noted in memory, as every word is.
"""

from pydantic_core import to_json

from app.api.events_in import Scope, Send
from app.api.let_in import Receive
from app.problems import MEDIA_TYPE, Problem
from app.service import Service

PREFIX = "/v1/ping/"
PING = "/v1/ping/{token}"  # in figures: the secret is in none
_METHODS = frozenset({"GET", "HEAD", "POST"})
_OK = b"OK\n"
_HEARD = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", str(len(_OK)).encode()),
    (b"cache-control", b"no-store"),
]


def takes(scope: Scope) -> bool:
    """Is this request for us?"""
    path: str = scope["path"]
    return path.startswith(PREFIX) and scope["method"] in _METHODS and "/" not in path[len(PREFIX) :]


class Pings:
    """200 when the word is noted; 404 when nothing is at the address, 503 while that cannot be known."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        service, body = self._service, b"" if scope["method"] == "HEAD" else _OK
        try:
            source = service.rosters.pinged(scope["path"][len(PREFIX) :])
            if source is None:
                raise service.doorkeeper.unknown_link(scope["client"][0] if scope.get("client") else "")
        except Problem as problem:
            await _refuse(scope, send, problem)
            return
        service.notebook.heard(source, service.clock.now())
        await send({"type": "http.response.start", "status": 200, "headers": _HEARD})
        await send({"type": "http.response.body", "body": body})


async def _refuse(scope: Scope, send: Send, problem: Problem) -> None:
    told = to_json(problem.body() | {"request_id": scope.get("request_id", "")})
    more = {"content-type": MEDIA_TYPE, "content-length": str(len(told)), **(problem.headers or {})}
    headers = [(name.lower().encode(), value.encode()) for name, value in more.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else told})
