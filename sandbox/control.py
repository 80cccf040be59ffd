"""Control endpoints beside the vendors' APIs: program phones, choose a scene, break a vendor, press keys, read.

GET  /messages?after=N&wait=S       {"messages": [{"n","at","channel","to","text","event","raw"}], "next": N}
GET  /phones                        {"phones": [...]}            PUT/DELETE /phones/{number}
POST /phones/{number}/answer | hangup | press {"digits"} | sms {"body"}
GET/PUT /scene {"scene"}            GET /faults     PUT/DELETE /faults/{vendor}
POST /slack/press {"channel","ts","action_id","user"?,"value"?}
POST /slack/submit {"text","user"}    the form that was shown last is sent with that text
POST /slack/command {"text","user","channel"?}    /gridcall TEXT
POST /pagerduty/press {"dedup_key","user"?}    a user acknowledges there
GET  /calls                         every call, with its transcript
GET  /state                         {"busy","hanging","errors","undelivered"}
POST /reset                         forget everything
"""

from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from sandbox.faults import Fault, Vendor
from sandbox.pagerduty_webhooks import NoSuchAlert
from sandbox.phones import Behaviour, Scene
from sandbox.slack.buttons import NoSuchButton
from sandbox.slack.workspace import SlackError
from sandbox.twilio.call import Call
from sandbox.world import World

Number = Annotated[str, InPath(pattern=r"^\+[1-9]\d{6,14}$")]
PAGE = Path(__file__).with_name("page.html")


class ScenePut(BaseModel):
    scene: str


class Keys(BaseModel):
    digits: str = Field(pattern=r"^[0-9*#]{1,32}$")


class Sms(BaseModel):
    body: str = Field(min_length=1, max_length=1600)


class ButtonPress(BaseModel):
    channel: str
    ts: str
    action_id: str
    value: str | None = None
    user: str | None = None


class FormSent(BaseModel):
    text: str
    user: str


class CommandTyped(FormSent):
    channel: str = "C0OPS"


class Acknowledgement(BaseModel):
    dedup_key: str
    user: str | None = None


def mount(app: FastAPI, world: World) -> None:
    """Put the control endpoints and the page at the root."""
    _page(app, world)
    _phones(app, world)
    _hands(app, world)
    _scene(app, world)
    _faults(app, world)
    _slack(app, world)
    _pagerduty(app, world)


def _page(app: FastAPI, world: World) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE.read_text(encoding="utf-8"), headers={"cache-control": "no-cache"})

    @app.get("/messages")
    async def messages(
        after: Annotated[int, Query(ge=0)] = 0, wait: Annotated[float, Query(ge=0, le=30)] = 0
    ) -> dict[str, Any]:
        await world.feed.wait(after, wait)
        return world.feed.page(after)

    @app.get("/state")
    async def state() -> dict[str, int]:
        own = 1  # this request
        return {
            "busy": world.busy() - own,
            "hanging": world.hanging(),
            "errors": world.errors,
            "undelivered": world.courier.undelivered,
        }

    @app.post("/reset")
    async def reset() -> dict[str, str]:
        await world.reset()
        return {"status": "reset"}


def _phones(app: FastAPI, world: World) -> None:
    @app.get("/phones")
    async def phones() -> dict[str, Any]:
        return {"phones": world.known_phones()}

    @app.put("/phones/{number}")
    async def program(number: Number, behaviour: Behaviour) -> dict[str, Any]:
        world.phones.program(number, behaviour)
        return {"number": number, "behaviour": world.phones.behaviour(number).model_dump()}

    @app.delete("/phones/{number}", status_code=204)
    async def forget(number: Number) -> None:
        world.phones.programmes.pop(number, None)

    @app.get("/calls")
    async def calls() -> dict[str, Any]:
        shown = world.calls.by_sid.values()
        return {"calls": [call.resource() | {"transcript": call.transcript, "pressed": call.pressed} for call in shown]}


def _hands(app: FastAPI, world: World) -> None:
    def call_on(number: str) -> Call:
        call = world.calls.of(number)
        if call is None:
            raise HTTPException(409, f"{number} is not in a call")
        return call

    @app.post("/phones/{number}/answer")
    async def answer(number: Number) -> dict[str, str]:
        call = call_on(number)
        world.calls.answer(call)
        return {"call_sid": call.sid}

    @app.post("/phones/{number}/hangup")
    async def hang_up(number: Number) -> dict[str, str]:
        call = call_on(number)
        world.calls.end(call, "busy")  # a call declined while it rings
        return {"call_sid": call.sid}

    @app.post("/phones/{number}/press")
    async def press(number: Number, keys: Keys) -> dict[str, str]:
        call = call_on(number)
        world.calls.press(call, keys.digits)
        return {"call_sid": call.sid}

    @app.post("/phones/{number}/sms")
    async def text(number: Number, sms: Sms) -> dict[str, Any]:
        return await world.texts.reply(number, sms.body)


def _scene(app: FastAPI, world: World) -> None:
    @app.get("/scene")
    async def scene() -> dict[str, Any]:
        return {"scene": world.phones.scene, "scenes": list(Scene)}

    @app.put("/scene")
    async def play(wanted: ScenePut) -> dict[str, Any]:
        try:
            world.phones.play(Scene.named(wanted.scene))
        except ValueError as error:
            raise HTTPException(422, {"message": str(error), "scenes": list(Scene)}) from error
        return {"scene": world.phones.scene, "scenes": list(Scene)}


def _faults(app: FastAPI, world: World) -> None:
    @app.get("/faults")
    async def faults() -> dict[str, Any]:
        return {"faults": world.faults.show(), "callbacks": world.courier.disorder}

    @app.put("/faults/{vendor}")
    async def break_it(vendor: Vendor, fault: Fault) -> dict[str, Any]:
        world.faults.active[vendor] = fault
        if vendor == "twilio":
            world.courier.disorder = fault.callbacks
        return {"faults": world.faults.show(), "callbacks": world.courier.disorder}

    @app.delete("/faults/{vendor}", status_code=204)
    async def mend(vendor: Vendor) -> None:
        world.faults.active.pop(vendor, None)
        if vendor == "twilio":
            world.courier.disorder = None


def _slack(app: FastAPI, world: World) -> None:
    @app.post("/slack/press")
    async def press(button: ButtonPress) -> dict[str, Any]:
        try:
            return await world.slack_buttons.press(
                button.channel, button.ts, button.action_id, button.user, button.value
            )
        except (NoSuchButton, SlackError) as error:
            raise HTTPException(404, str(error)) from error

    @app.post("/slack/submit")
    async def submit(form: FormSent) -> dict[str, Any]:
        try:
            return await world.slack_buttons.submit(form.text, form.user)
        except (NoSuchButton, SlackError) as error:
            raise HTTPException(404, str(error)) from error

    @app.post("/slack/command")
    async def command(typed: CommandTyped) -> dict[str, Any]:
        try:
            return await world.slack_buttons.command(typed.text, typed.user, typed.channel)
        except SlackError as error:
            raise HTTPException(404, str(error)) from error


def _pagerduty(app: FastAPI, world: World) -> None:
    @app.post("/pagerduty/press")
    async def acknowledge(alert: Acknowledgement) -> dict[str, Any]:
        try:
            return await world.pagerduty_webhooks.press(alert.dedup_key, alert.user)
        except NoSuchAlert as error:
            raise HTTPException(404, str(error)) from error
