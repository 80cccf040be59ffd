"""What PagerDuty tells whoever subscribed, when somebody acknowledges."""

import json
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from jsonschema import Draft202012Validator

from notifiers.channels.pagerduty import verify
from sandbox import Settings, World
from tests.unit.sandbox.conftest import CUSTOMER, Customer, ManualClock

KEY = "0123456789abcdef0123456789abcdef"
PAYLOAD = {"summary": "REDUCE 12.5 MW", "source": "gridcall", "severity": "critical"}
TRIGGER = {"routing_key": KEY, "event_action": "trigger", "dedup_key": "miso:e1:g1", "payload": PAYLOAD}


@pytest.fixture
def customer() -> Customer:
    return Customer()


@pytest.fixture
def world(customer: Customer) -> World:
    settings = replace(Settings(), pagerduty_webhook_url=f"{CUSTOMER}/pd", pagerduty_webhook_secrets=("new", "old"))
    return World(ManualClock(), settings, transport=httpx2.ASGITransport(customer.app))


async def test_a_user_acknowledges_and_the_signed_webhook_follows_pagerdutys_shape(
    world: World, customer: Customer, vendor_specs: Path
) -> None:
    """Signed with every secret in force, by an implementation of its own that agrees with ours."""
    world.alerts.take(TRIGGER)
    async with world:
        assert (await world.pagerduty_webhooks.press("miso:e1:g1", "PKIM"))["status"] == 200
    assert [alert.status for alert in world.alerts.all] == ["acknowledged"]
    [(_, _, headers, body)] = customer.calls
    schema = json.loads((vendor_specs / "pagerduty_webhook_v3.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(json.loads(body))) == []
    agent = json.loads(body)["event"]["agent"]
    assert (agent["id"], agent["type"]) == ("PKIM", "user_reference")
    for secret in ("new", "old"):
        assert verify(body, headers["x-pagerduty-signature"], [secret])
    assert not verify(body, headers["x-pagerduty-signature"], ["other"])
    assert headers["x-webhook-id"]


async def test_the_agent_of_our_own_acknowledgement_is_the_service(world: World, customer: Customer) -> None:
    async with world:
        for action in ("trigger", "acknowledge", "acknowledge"):
            world.alerts.take(TRIGGER | {"event_action": action})
        while world.busy():
            await world.clock.sleep_until(world.clock.now())
    [(_, _, _, body)] = customer.calls
    assert json.loads(body)["event"]["agent"]["type"] == "service_reference"
