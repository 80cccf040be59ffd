"""Outgoing webhooks against a server that answers as told; the signature by the verifier of what comes in."""

import base64
import json
import socket

import pytest
from fake_vendor import T0

from app.security import Unauthorized
from app.signatures import Signature, usable
from model.clock import SystemClock
from model.errors import OutcomeUnknown, SendError
from model.plan import ChannelName
from model.trust import Proof, Trust
from notifiers.channels.webhook import WebhookChannel, refuse

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
TRUST = Trust(by=Proof.STANDARD_WEBHOOKS, secrets=("ours",))
PAYLOAD = {"summary": "longer", "severity": "critical", "custom_details": {"event_id": "E-1"}}


@pytest.fixture
async def webhook(patience):
    channel = WebhookChannel(secret=SECRET, hosts=[], clock=SystemClock(), timeout_seconds=patience)
    yield channel
    await channel.close()


@pytest.fixture
def told(vendor, make_send):
    return lambda address=None: make_send(
        ChannelName.WEBHOOK, address=address or f"{vendor.url}/alerts", text="MISO EDR: Reduce 12.5 MW", payload=PAYLOAD
    )


async def test_it_is_signed_as_the_standard_says(vendor, webhook, told):
    sent = await webhook.send(told())
    (seen,) = vendor.seen
    headers = {name.lower(): value for name, value in seen.headers.items()}
    assert (seen.method, seen.path, headers["content-type"]) == ("POST", "/alerts", "application/json")
    assert seen.json == {
        "type": "grid.event.told",
        "timestamp": T0.isoformat(),
        "data": PAYLOAD | {"summary": "MISO EDR: Reduce 12.5 MW"},
    }
    body, now = json.dumps(seen.json, separators=(",", ":")).encode(), SystemClock().now()
    keys = usable(TRUST, {"ours": SECRET})
    assert Signature(TRUST, keys, headers, now).take(body).signer() == "ours"
    with pytest.raises(Unauthorized):
        Signature(TRUST, keys, headers, now).take(body + b" ").signer()
    assert sent.vendor_id == headers["webhook-id"] == "msg_n1_1"


async def test_a_repeat_has_the_same_id(vendor, webhook, told):
    assert webhook.repeatable
    assert (await webhook.send(told())).vendor_id == (await webhook.send(told())).vendor_id


@pytest.mark.parametrize(
    ("status", "retryable", "bad_address"),
    [
        (301, False, False),
        (400, False, False),
        (404, False, False),
        (408, True, False),
        (410, False, True),
        (429, True, False),
        (500, True, False),
        (503, True, False),
    ],
)
async def test_errors_by_table(vendor, webhook, told, status, retryable, bad_address):
    vendor.answer = lambda seen: (status, {}, {"Location": f"{vendor.url}/elsewhere", "Retry-After": "7"})
    with pytest.raises(SendError) as caught:
        await webhook.send(told())
    error = caught.value
    assert (error.retryable, error.bad_address, error.code) == (retryable, bad_address, str(status))
    assert error.retry_after_seconds == (7 if retryable else None)
    assert len(vendor.seen) == 1  # nobody is followed elsewhere


@pytest.mark.parametrize("patience", [0.3])
@pytest.mark.parametrize("fault", ["hang", "reset"])
async def test_a_lost_answer_is_unknown(vendor, webhook, told, fault):
    vendor.fault = fault
    with pytest.raises(OutcomeUnknown):
        await webhook.send(told())
    assert len(vendor.seen) == 1


async def test_no_connection_is_certain(webhook, told, closed_port):
    with pytest.raises(SendError) as caught:
        await webhook.send(told(closed_port))
    assert (type(caught.value), caught.value.retryable) == (SendError, True)


@pytest.mark.parametrize(
    "url",
    [
        "http://scada.example/a",
        "https://10.0.0.7/",
        "https://169.254.169.254/latest",
        "https://[fd00::1]/a",
        "http://192.168.1.1:8080/x",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://[::ffff:10.0.0.7]/",
    ],
)
def test_what_is_not_asked(url):
    with pytest.raises(SendError, match="webhook refused") as caught:
        refuse(url, [])
    assert caught.value.bad_address
    refuse("http://scada.example/a", ["scada.example"])
    refuse("https://scada.example/a", [])
    refuse("http://127.0.0.1:9/a", [])


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.2.3", "::1"])
async def test_a_name_that_leads_inside_is_not_followed(webhook, told, monkeypatch, inside):
    """Whatever its address was at the last look: it is looked at when the connection is made."""
    family = socket.AF_INET6 if ":" in inside else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (inside, 443) if family == socket.AF_INET else (inside, 443, 0, 0))]

    async def getaddrinfo(*args, **kwargs):
        return found

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", getaddrinfo)
    with pytest.raises(SendError, match="leads into a private network") as caught:
        await webhook.send(told("https://rebound.example/a"))
    assert caught.value.bad_address
