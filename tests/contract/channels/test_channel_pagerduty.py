"""PagerDuty through its package against a server that answers as told: one request, one answer, no sleeping."""

import time

import pytest
from fake_vendor import ODD_ANSWERS

from model.clock import SystemClock
from model.errors import OutcomeUnknown, SendError
from model.plan import ChannelName
from notifiers.channels.pagerduty import PagerDutyChannel, dedup_key

KEY = "R" * 32
PAYLOAD = {"summary": "MISO EDR", "source": "miso", "severity": "info"}


@pytest.fixture
async def pagerduty(vendor, patience):
    channel = PagerDutyChannel(clock=SystemClock(), base_url=vendor.url + "/pagerduty", timeout_seconds=patience)
    yield channel
    await channel.close()


@pytest.fixture
def event(make_send):
    def make(action="trigger"):
        return make_send(
            ChannelName.PAGERDUTY,
            address=KEY,
            payload=PAYLOAD,
            details={"action": action, "dedup_key": "miso:1:g1", "severity": "info"},
        )

    return make


def accepted(seen):
    return (202, {"status": "success", "message": "Event processed", "dedup_key": seen.json["dedup_key"]})


async def test_trigger(vendor, pagerduty, event):
    vendor.answer = accepted
    sent = await pagerduty.send(event())
    assert sent.vendor_id == "miso:1:g1"
    (seen,) = vendor.seen
    assert seen.path == "/pagerduty/v2/enqueue"
    assert seen.headers["Host"] == "events.pagerduty.com"
    assert seen.json == {"routing_key": KEY, "event_action": "trigger", "dedup_key": "miso:1:g1", "payload": PAYLOAD}


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
async def test_the_rest_of_its_life(vendor, pagerduty, event, action):
    vendor.answer = accepted
    await pagerduty.send(event(action))
    assert vendor.seen[0].json == {"routing_key": KEY, "event_action": action, "dedup_key": "miso:1:g1"}


async def test_no_key_is_in_what_an_error_says(vendor, pagerduty, event):
    vendor.answer = lambda seen: (400, {"errors": [f"routing key {KEY} is of no service"]})
    with pytest.raises(SendError, match="of no service") as caught:
        await pagerduty.send(event())
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
async def test_the_package_neither_repeats_nor_sleeps(vendor, pagerduty, event, status):
    vendor.answer = lambda seen: (status, {"status": "x"}, {"Retry-After": "30"})
    begun = time.monotonic()
    with pytest.raises(SendError) as caught:
        await pagerduty.send(event())
    assert time.monotonic() - begun < 0.5
    assert len(vendor.seen) == 1
    assert (caught.value.retryable, caught.value.code) == (True, str(status))
    assert caught.value.retry_after_seconds == 30
    assert caught.value.answered is (status < 500)


@pytest.mark.parametrize(
    ("status", "body", "bad_address"),
    [
        (400, {"status": "invalid event", "message": "x", "errors": ["Invalid routing key"]}, True),
        (400, {"status": "invalid event", "message": "x", "errors": ["'payload.summary' is missing"]}, False),
        (401, {}, True),
        (403, {}, True),
        (413, {}, False),
    ],
)
async def test_a_refused_event_is_not_repeated(vendor, pagerduty, event, status, body, bad_address):
    vendor.answer = lambda seen: (status, body)
    with pytest.raises(SendError) as caught:
        await pagerduty.send(event())
    assert (caught.value.retryable, caught.value.bad_address) == (False, bad_address)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("patience", [0.4])
@pytest.mark.parametrize("fault", ["hang", "reset"])
async def test_lost_answer_is_unknown_and_soon_known(vendor, pagerduty, event, fault):
    vendor.fault = fault
    begun = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        await pagerduty.send(event())
    assert time.monotonic() - begun < 5  # its own time-out, not the library's 60 s
    assert len(vendor.seen) == 1
    assert await pagerduty.find(event().attempt, frozenset(), event().attempt.started_at) is None


async def test_no_connection_is_certainly_not_sent(closed_port, event):
    channel = PagerDutyChannel(clock=SystemClock(), base_url=closed_port)
    with pytest.raises(SendError) as caught:
        await channel.send(event())
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.retryable
    await channel.close()


@pytest.mark.parametrize("answer", ODD_ANSWERS)
async def test_an_answer_nobody_can_read_is_trouble_of_the_vendor(vendor, pagerduty, answer):
    vendor.answer = lambda seen: answer
    with pytest.raises(SendError) as caught:
        await pagerduty.check(KEY)
    assert isinstance(caught.value, OutcomeUnknown) or caught.value.retryable


async def test_an_answer_without_the_key_is_no_success(vendor, pagerduty, event):
    vendor.answer = lambda seen: (202, {"status": "success"})
    with pytest.raises(SendError):
        await pagerduty.send(event())


def test_dedup_key():
    assert dedup_key("miso", "E-1", 2) == "miso:E-1:g2"
    long = dedup_key("miso", "E" * 300, 1)
    assert len(long) == 64
    assert long != dedup_key("miso", "E" * 300, 2)
