"""Twilio's HTTP: https://www.twilio.com/docs/voice/api/call-resource, .../messaging/api/message-resource."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi import Path as InPath
from fastapi.responses import JSONResponse, Response

from sandbox.here import Here
from sandbox.signing import Form
from sandbox.twilio import account
from sandbox.twilio.call import Call
from sandbox.twilio.calls import Calls
from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.listing import matching, page, within
from sandbox.twilio.parameters import call_order, redirection, text_order


async def authorised(request: Request, world: Here, sid: Annotated[str, InPath(alias="account")]) -> None:
    _authorise(request, sid, world.settings.twilio_account_sid, world.settings.twilio_auth_token)


routes = APIRouter(prefix=account.ROOT)


def mount(app: FastAPI) -> None:
    """Put Twilio under `/twilio`."""
    for part in (routes, account.routes):
        app.include_router(part, dependencies=[Depends(authorised)])
    app.add_exception_handler(TwilioError, _refusal)


@routes.post("/Calls.json")
async def create_call(request: Request, world: Here) -> Response:
    return JSONResponse(world.calls.create(call_order(await _form(request))).resource(), 201)


@routes.get("/Calls.json")
async def find_calls(request: Request, world: Here) -> Response:
    query = request.query_params
    found = [call for call in matching(world.calls.by_sid.values(), query) if _in_time(call, query)]
    return JSONResponse(page(_path(request), "calls", found, query))


@routes.get("/Calls/{sid}.json")
async def fetch_call(request: Request, world: Here, sid: str) -> Response:
    return JSONResponse(_one(world.calls.by_sid, sid, request).resource())


@routes.post("/Calls/{sid}.json")
async def update_call(request: Request, world: Here, sid: str) -> Response:
    call: Call = _one(world.calls.by_sid, sid, request)
    _update(world.calls, call, dict(await _form(request)))
    return JSONResponse(call.resource())


@routes.post("/Messages.json")
async def create_text(request: Request, world: Here) -> Response:
    return JSONResponse(world.texts.create(text_order(await _form(request))).resource(), 201)


@routes.get("/Messages.json")
async def find_texts(request: Request, world: Here) -> Response:
    query = request.query_params
    found = [text for text in matching(world.texts.by_sid.values(), query) if within(text.sent_at, query, "DateSent")]
    return JSONResponse(page(_path(request), "messages", found, query))


@routes.get("/Messages/{sid}.json")
async def fetch_text(request: Request, world: Here, sid: str) -> Response:
    return JSONResponse(_one(world.texts.by_sid, sid, request).resource())


def _update(calls: Calls, call: Call, fields: Mapping[str, str]) -> None:
    status = fields.get("Status")
    if status not in (None, "", "canceled", "completed"):
        raise TwilioError(20001, f"Status must be canceled or completed, not {status}")
    if call.ended and status:
        raise TwilioError(21220, "Call is not in-progress. Cannot redirect.")
    if status == "completed" or (status == "canceled" and call.status != "in-progress"):
        calls.end(call, "canceled")
    twiml, url = redirection(fields)
    if twiml is not None or url is not None:
        calls.redirect(call, twiml, url)


def _authorise(request: Request, account: str, sid: str, token: str) -> None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        given = b""
    expected = f"{sid}:{token}".encode()
    if scheme.lower() != "basic" or account != sid or not hmac.compare_digest(given, expected):
        raise TwilioError(20003, "Authentication Error - invalid username", 401)


async def _form(request: Request) -> Form:
    return parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)


def _one(items: Mapping[str, Any], sid: str, request: Request) -> Any:
    if sid not in items:
        raise not_found(_path(request))
    return items[sid]


def _in_time(call: Call, query: Mapping[str, str]) -> bool:
    return within(call.started_at, query, "StartTime") and within(call.ended_at, query, "EndTime")


def _path(request: Request) -> str:
    return request.url.path.removeprefix("/twilio")


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, TwilioError)
    headers = {"www-authenticate": 'Basic realm="Twilio API"'} if error.status == 401 else None
    return JSONResponse(error.body(), error.status, headers)
