"""One file per vendor's way to reach people. Vendor SDKs, codes and callback forms stay in here."""

from collections.abc import Collection
from importlib import import_module

from model.plan import ChannelName

# What each channel imports when it is first used.
_LIBRARIES = {
    ChannelName.VOICE: ("twilio.rest", "twilio.http.async_http_client", "twilio.twiml.voice_response"),
    ChannelName.SMS: ("twilio.rest", "twilio.http.async_http_client", "twilio.twiml.messaging_response"),
    ChannelName.SLACK_DM: ("slack_sdk.web.async_client",),
    ChannelName.SLACK_CHANNEL: ("slack_sdk.web.async_client",),
    ChannelName.PAGERDUTY: ("pagerduty",),
}


def load(channels: Collection[ChannelName]) -> None:
    """Import the vendors' libraries now: the half second they take must not fall to the first event."""
    for channel in channels:
        for library in _LIBRARIES.get(channel, ()):
            import_module(library)
