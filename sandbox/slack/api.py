"""Slack's HTTP: arguments from query, form or JSON; errors by name with status 200; only rate limits are 429.

A bare ASGI application, not a route of the framework: a benchmark posts a thousand messages a second through it.
"""

import json
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import Response

from sandbox.gate import App, Receive, Scope, Send
from sandbox.here import Here
from sandbox.slack.methods import Arguments
from sandbox.slack.socket import PATH as SOCKET
from sandbox.slack.workspace import SlackError
from sandbox.world import World

MOUNT = "/slack/api/"
APP_METHOD = "apps.connections.open"  # the one that takes the app's own token


def application(world: World) -> App:
    """Return Slack as an ASGI application that answers below `/slack/api/`."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await call(Request(scope, receive), scope["path"].removeprefix(MOUNT))
        await answer(scope, receive, send)

    async def call(request: Request, method: str) -> Response:
        try:
            app_level = method == APP_METHOD
            _authorise(request, world.settings.slack_app_token if app_level else world.settings.slack_bot_token)
            if app_level:
                return _json({"ok": True, "url": f"ws://{request.url.netloc}{world.slack_sockets.ticket()}"})
            arguments = await _arguments(request)
            wait = world.slack_rates.wait_seconds(method, str(arguments.get("channel", "")), world.clock.now())
            if wait:
                return _json({"ok": False, "error": "ratelimited"}, 429, {"retry-after": str(wait)})
            scopes = {"x-oauth-scopes": ",".join(world.settings.slack_scopes)}
            return _json({"ok": True, **_run(world, method, arguments)}, headers=scopes)
        except SlackError as error:
            return _json({"ok": False, "error": str(error)})

    return serve


def mount_socket(app: FastAPI) -> None:
    """Put what `apps.connections.open` gives the address of."""

    @app.websocket(SOCKET + "{ticket}")
    async def link(websocket: WebSocket, world: Here, ticket: str) -> None:
        await world.slack_sockets.serve(websocket, ticket)


def _run(world: World, method: str, arguments: Arguments) -> Arguments:
    run = world.slack_methods.by_name.get(method)
    if run is None:
        raise SlackError("unknown_method")
    return run(arguments)


def _authorise(request: Request, token: str) -> None:
    authorization = request.headers.get("authorization", "")
    if not authorization:
        raise SlackError("not_authed")
    if authorization != f"Bearer {token}":
        raise SlackError("invalid_auth")


async def _arguments(request: Request) -> Arguments:
    arguments: Arguments = dict(request.query_params)
    body = await request.body()
    if body and request.headers.get("content-type", "").startswith("application/json"):
        arguments |= _object(body)
    elif body:
        arguments |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return arguments


def _object(body: bytes) -> Arguments:
    try:
        decoded = json.loads(body)
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(decoded, dict):
        raise SlackError("json_not_object")
    return decoded


def _json(content: Arguments, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(body, status, headers, "application/json; charset=utf-8")
