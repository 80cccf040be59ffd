"""Slack tells us here what people press, write and ask. Every request's signature is verified first."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from app import slack_doings
from app.api.deps import ServiceDep
from app.api.signatures import not_from
from app.service import Service

router = APIRouter(prefix="/callbacks/slack", tags=["vendors"], include_in_schema=False)


@router.post("/actions")
async def actions(request: Request, service: ServiceDep) -> Response:
    """A button was pressed, or a form sent."""
    await _signed(request, service)
    await slack_doings.interaction(service, _payload(await request.form()))
    return Response(status_code=200)


@router.post("/commands")
async def commands(request: Request, service: ServiceDep) -> Response:
    """`/gridcall` was typed: the answer is for whoever typed it."""
    await _signed(request, service)
    return JSONResponse(await slack_doings.command(service, await request.form()))


async def _signed(request: Request, service: Service) -> None:
    """Raises Problem 403 for a request that Slack did not sign."""
    body, verifier, headers = await request.body(), service.vendors.slack, request.headers
    stamp, signature = headers.get("x-slack-request-timestamp"), headers.get("x-slack-signature")
    if verifier is None or not verifier.verify(body, stamp, signature, service.clock.now()):
        raise not_from(service, "slack", request.url.path)


def _payload(form: Mapping[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(str(form.get("payload", "{}")))
    return payload
