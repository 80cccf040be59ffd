"""Errors as RFC 9457 problem+json, each with the request's id."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from model.errors import QueueFull, Refused, Unavailable

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is not 2xx. `detail` is a sentence for the caller; `more` are extra members of the body."""

    def __init__(
        self, status: int, title: str, detail: str = "", headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers
        self.more = more

    def body(self) -> dict[str, Any]:
        return {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail} | self.more


def _answer(request: Request, problem: Problem) -> JSONResponse:
    body = problem.body() | {"request_id": request.scope.get("request_id", "")}
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _field(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location)


def install(app: FastAPI) -> None:
    """Every error of the application answers as a problem."""

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        return _answer(request, error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers) if error.headers else None
        return _answer(request, Problem(error.status_code, str(error.detail), headers=headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [{"field": _field(e["loc"]), "expected": e["msg"]} for e in error.errors()]
        first = f"{errors[0]['field']}: {errors[0]['expected']}" if errors else ""
        return _answer(request, Problem(422, "The request cannot be read", first, errors=errors))

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        return _answer(request, Problem(409, "Not possible now", str(error)))

    @app.exception_handler(QueueFull)
    async def full(request: Request, error: QueueFull) -> JSONResponse:
        headers = {"Retry-After": str(error.retry_after_seconds)}
        return _answer(request, Problem(503, "The queue is full", str(error), headers=headers))

    @app.exception_handler(Unavailable)
    async def away(request: Request, error: Unavailable) -> JSONResponse:
        return _answer(request, Problem(503, "Not available now", str(error), headers={"Retry-After": "1"}))

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", path=request.url.path, exc_info=error)
        return _answer(request, Problem(500, "A fault of Gridcall", "It is logged under this request id."))
