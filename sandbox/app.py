"""HTTP in front of a world: the vendors' mounts, the control endpoints, the page, and the gate before them all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from sandbox import control, pagerduty
from sandbox.gate import App, Gate, Receive, Scope, Send
from sandbox.slack import api as slack
from sandbox.twilio import api as twilio
from sandbox.world import World


class StandIns(FastAPI):
    """A FastAPI application whose requests pass the gate before anything of the framework sees them."""

    gate: Gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.gate(scope, receive, send)


def build(world: World) -> FastAPI:
    """Return the ASGI application of `world`. Its shutdown stops the world."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with world:
            yield

    app = StandIns(title="Stand-ins for Twilio, Slack and PagerDuty", lifespan=lifespan)
    everything = _beside(slack.application(world), super(StandIns, app).__call__)
    app.gate = Gate(everything, world.activity, world.faults, world.down)
    twilio.mount(app, world)
    slack.mount_socket(app, world)
    pagerduty.mount(app, world.alerts)
    control.mount(app, world)
    return app


def _beside(slack_app: App, others: App) -> App:
    """Return an application that gives Slack's requests to `slack_app`, past the framework, all else to `others`."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        to_slack = scope["type"] == "http" and scope["path"].startswith(slack.MOUNT)
        await (slack_app if to_slack else others)(scope, receive, send)

    return choose
