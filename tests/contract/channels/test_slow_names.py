"""A name server that is slow or dead: nothing was sent, and that is known."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from model.clock import SystemClock
from model.errors import OutcomeUnknown, SendError
from model.plan import ChannelName
from model.ports import Channel, Send
from notifiers.channels.slack import SlackChannel, SlackWorkspace
from notifiers.channels.sms import SmsChannel
from notifiers.channels.twilio_account import TwilioAccount
from notifiers.dialling import Dialling

CLOCK = SystemClock()


def slack() -> tuple[Channel, str]:
    workspace = SlackWorkspace(token="xoxb-1", clock=CLOCK, base_url="http://slack.test/api/")
    return SlackChannel(ChannelName.SLACK_CHANNEL, workspace, timeout_seconds=2.0), "C1"


def sms() -> tuple[Channel, str]:
    account = TwilioAccount(account_sid="AC" + "1" * 32, auth_token="t", clock=CLOCK, base_url="http://twilio.test")
    return SmsChannel(account, dialling=Dialling("+13125550100"), public_url=None, timeout_seconds=2.0), "+13125550101"


@pytest.mark.parametrize("made", [slack, sms])
async def test_nothing_was_sent(
    made: Callable[[], tuple[Channel, str]], make_send: Callable[..., Send], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    monkeypatch.setattr("notifiers.channels.wire.CONNECT_SECONDS", 0.2)
    channel, address = made()
    with pytest.raises(SendError) as caught:
        await channel.send(make_send(channel.name, address=address))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert (caught.value.retryable, caught.value.code) == (True, "connect")
    assert str(caught.value).endswith(": no connection within 0.2 s")
    await channel.close()
