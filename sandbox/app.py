"""HTTP in front of a world: the vendors' mounts, the control endpoints, the page, and the gate before them all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import FastAPI
from starlette.applications import Starlette

from sandbox import control, pagerduty
from sandbox.gate import App, Gate, Receive, Scope, Send
from sandbox.slack import api as slack
from sandbox.twilio import api as twilio
from sandbox.world import World


class StandIns(Starlette):
    """The ASGI application of one world. Requests pass the gate before anything of the framework sees them."""

    def __init__(self, world: World) -> None:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with world:
                yield

        super().__init__(lifespan=lifespan)
        self._world = world
        self._gate = Gate(_beside(slack.application(world), _others()), world.activity, world.faults, world.down)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        scope["state"] = scope.get("state", {}) | {"world": self._world}
        await self._gate(scope, receive, send)


def build(world: World) -> StandIns:
    """Return the ASGI application of `world`. Its shutdown stops the world."""
    return StandIns(world)


@cache
def _others() -> FastAPI:
    """What the framework answers, for every world: made once in a process, since it takes long."""
    app = FastAPI(title="Stand-ins for Twilio, Slack and PagerDuty")
    twilio.mount(app)
    slack.mount_socket(app)
    pagerduty.mount(app, lambda request: request.state.world.alerts)
    app.include_router(control.routes)
    return app


def _beside(slack_app: App, others: App) -> App:
    """Return an application that gives Slack's requests to `slack_app`, past the framework, all else to `others`."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        to_slack = scope["type"] == "http" and scope["path"].startswith(slack.MOUNT)
        await (slack_app if to_slack else others)(scope, receive, send)

    return choose
