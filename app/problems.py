"""Errors as RFC 9457 problem+json, each with the request's id."""

from collections.abc import Callable
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from model.errors import QueueFull, Refused, SettingsError, Unavailable, WrongFields

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


def refused(wrong: list[tuple[str, str]]) -> Problem:
    """A request of which these fields are not what was expected: `(field, expected)`."""
    errors = [{"field": field, "expected": expected} for field, expected in wrong]
    first = f"{errors[0]['field']}: expected {errors[0]['expected']}"
    return Problem(422, "The request cannot be read", first, errors=errors)


def _invalid(error: RequestValidationError) -> Problem:
    errors = [{"field": ".".join(map(str, e["loc"])), "expected": e["msg"]} for e in error.errors()]
    first = f"{errors[0]['field']}: {errors[0]['expected']}" if errors else ""
    return Problem(422, "The request cannot be read", first, errors=errors)


def _full(error: QueueFull) -> Problem:
    return Problem(503, "The queue is full", str(error), headers={"Retry-After": str(error.retry_after_seconds)})


def _wrong(error: SettingsError) -> Problem:
    """A roster that cannot be. `errors` where fields of it are wrong."""
    problems = error.problems if isinstance(error, WrongFields) else ()
    errors = [{"field": field, "expected": sentence} for field, sentence in problems]
    return Problem(422, "The roster cannot be like that", str(error).partition("\n")[0], errors=errors)


# What each kind of error tells the caller.
_TOLD: dict[type[Exception], Callable[[Any], Problem]] = {
    Problem: lambda error: error,
    QueueFull: _full,
    Unavailable: lambda error: Problem(503, "Not available now", str(error), headers={"Retry-After": "1"}),
    Refused: lambda error: Problem(409, "Not possible now", str(error)),
    SettingsError: _wrong,
    HTTPException: lambda error: Problem(error.status_code, str(error.detail), headers=dict(error.headers or {})),
    RequestValidationError: _invalid,
}


def as_problem(error: Exception) -> Problem:
    """Any error as what the caller is told. A fault of ours is logged, and tells nothing."""
    told = next((tell for kind, tell in _TOLD.items() if isinstance(error, kind)), None)
    if told is not None:
        return told(error)
    log.error("request failed", exc_info=error)
    return Problem(500, "A fault of Gridcall", "It is logged under this request id.")


def install(app: FastAPI) -> None:
    """Every error of the application answers as a problem."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        problem = as_problem(error)
        body = problem.body() | {"request_id": request.scope.get("request_id", "")}
        return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)

    for kind in (*_TOLD, Exception):
        app.add_exception_handler(kind, answer)
