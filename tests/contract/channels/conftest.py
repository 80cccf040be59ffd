import socket

import pytest
from fake_vendor import T0, FakeVendor, running

from model.attempt import Attempt, Words
from model.plan import ChannelName
from model.ports import Send


@pytest.fixture
async def vendor():
    async with running(FakeVendor()) as fake:
        yield fake


@pytest.fixture
def patience():
    """Seconds a channel waits for an answer. Only where none comes is it short: a busy machine answers late, too."""
    return 10.0


@pytest.fixture
def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}"


@pytest.fixture
def make_send():
    def make(channel=ChannelName.VOICE, address="+13125550101", text="Reduce 12.5 MW", payload=None, **send):
        attempt = Attempt(
            id="0198-a",
            notification_id="n1",
            event_pk="e1",
            channel=channel,
            address=address,
            words=Words(text=text, template="t@1", payload=payload or {}),
            started_at=T0,
        )
        return Send(attempt=attempt, valid_seconds=600, **send)

    return make
