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

from fastapi import APIRouter, HTTPException, Query
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from sandbox.faults import Fault, Vendor
from sandbox.here import Here
from sandbox.pagerduty_webhooks import NoSuchAlert
from sandbox.phones import Behaviour, Scene
from sandbox.slack.buttons import NoSuchButton
from sandbox.slack.workspace import SlackError
from sandbox.twilio.call import Call
from sandbox.world import World

Number = Annotated[str, InPath(pattern=r"^\+[1-9]\d{6,14}$")]
PAGE = Path(__file__).with_name("page.html")

routes = APIRouter()
"""The control endpoints and the page, for the root."""


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


@routes.get("/", include_in_schema=False)
async def page() -> HTMLResponse:
    return HTMLResponse(PAGE.read_text(encoding="utf-8"), headers={"cache-control": "no-cache"})


@routes.get("/messages")
async def messages(
    world: Here, after: Annotated[int, Query(ge=0)] = 0, wait: Annotated[float, Query(ge=0, le=30)] = 0
) -> dict[str, Any]:
    await world.feed.wait(after, wait)
    return world.feed.page(after)


@routes.get("/state")
async def state(world: Here) -> dict[str, int]:
    own = 1  # this request
    return {
        "busy": world.busy() - own,
        "hanging": world.hanging(),
        "errors": world.errors,
        "undelivered": world.courier.undelivered,
    }


@routes.post("/reset")
async def reset(world: Here) -> dict[str, str]:
    await world.reset()
    return {"status": "reset"}


@routes.get("/phones")
async def phones(world: Here) -> dict[str, Any]:
    return {"phones": world.known_phones()}


@routes.put("/phones/{number}")
async def program(world: Here, number: Number, behaviour: Behaviour) -> dict[str, Any]:
    world.phones.program(number, behaviour)
    return {"number": number, "behaviour": world.phones.behaviour(number).model_dump()}


@routes.delete("/phones/{number}", status_code=204)
async def forget(world: Here, number: Number) -> None:
    world.phones.programmes.pop(number, None)


@routes.get("/calls")
async def calls(world: Here) -> dict[str, Any]:
    shown = world.calls.by_sid.values()
    return {"calls": [call.resource() | {"transcript": call.transcript, "pressed": call.pressed} for call in shown]}


def call_on(world: World, number: str) -> Call:
    call = world.calls.of(number)
    if call is None:
        raise HTTPException(409, f"{number} is not in a call")
    return call


@routes.post("/phones/{number}/answer")
async def answer(world: Here, number: Number) -> dict[str, str]:
    call = call_on(world, number)
    world.calls.answer(call)
    return {"call_sid": call.sid}


@routes.post("/phones/{number}/hangup")
async def hang_up(world: Here, number: Number) -> dict[str, str]:
    call = call_on(world, number)
    world.calls.end(call, "busy")  # a call declined while it rings
    return {"call_sid": call.sid}


@routes.post("/phones/{number}/press")
async def press(world: Here, number: Number, keys: Keys) -> dict[str, str]:
    call = call_on(world, number)
    world.calls.press(call, keys.digits)
    return {"call_sid": call.sid}


@routes.post("/phones/{number}/sms")
async def text(world: Here, number: Number, sms: Sms) -> dict[str, Any]:
    return await world.texts.reply(number, sms.body)


@routes.get("/scene")
async def scene(world: Here) -> dict[str, Any]:
    return {"scene": world.phones.scene, "scenes": list(Scene)}


@routes.put("/scene")
async def play(world: Here, wanted: ScenePut) -> dict[str, Any]:
    try:
        world.phones.play(Scene.named(wanted.scene))
    except ValueError as error:
        raise HTTPException(422, {"message": str(error), "scenes": list(Scene)}) from error
    return {"scene": world.phones.scene, "scenes": list(Scene)}


@routes.get("/faults")
async def faults(world: Here) -> dict[str, Any]:
    return {"faults": world.faults.show(), "callbacks": world.courier.disorder}


@routes.put("/faults/{vendor}")
async def break_it(world: Here, vendor: Vendor, fault: Fault) -> dict[str, Any]:
    world.faults.active[vendor] = fault
    if vendor == "twilio":
        world.courier.disorder = fault.callbacks
    return {"faults": world.faults.show(), "callbacks": world.courier.disorder}


@routes.delete("/faults/{vendor}", status_code=204)
async def mend(world: Here, vendor: Vendor) -> None:
    world.faults.active.pop(vendor, None)
    if vendor == "twilio":
        world.courier.disorder = None


@routes.post("/slack/press")
async def press_button(world: Here, button: ButtonPress) -> dict[str, Any]:
    try:
        return await world.slack_buttons.press(button.channel, button.ts, button.action_id, button.user, button.value)
    except (NoSuchButton, SlackError) as error:
        raise HTTPException(404, str(error)) from error


@routes.post("/slack/submit")
async def submit(world: Here, form: FormSent) -> dict[str, Any]:
    try:
        return await world.slack_buttons.submit(form.text, form.user)
    except (NoSuchButton, SlackError) as error:
        raise HTTPException(404, str(error)) from error


@routes.post("/slack/command")
async def command(world: Here, typed: CommandTyped) -> dict[str, Any]:
    try:
        return await world.slack_buttons.command(typed.text, typed.user, typed.channel)
    except SlackError as error:
        raise HTTPException(404, str(error)) from error


@routes.post("/pagerduty/press")
async def acknowledge(world: Here, alert: Acknowledgement) -> dict[str, Any]:
    try:
        return await world.pagerduty_webhooks.press(alert.dedup_key, alert.user)
    except NoSuchAlert as error:
        raise HTTPException(404, str(error)) from error
