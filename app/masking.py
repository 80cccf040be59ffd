"""Addresses as operators and upstreams see them: enough to tell two apart, too little to call."""

from model.plan import ChannelName

SHOWN_CHARS = 2


def masked(channel: ChannelName, address: str) -> str:
    """The last two characters behind stars; of PagerDuty's keys nothing is shown."""
    if channel is ChannelName.PAGERDUTY or len(address) <= SHOWN_CHARS:
        return "*" * min(len(address), 8)
    return "*" * (len(address) - SHOWN_CHARS) + address[-SHOWN_CHARS:]
