"""Addresses as operators and upstreams see them: enough to tell two apart, too little to call."""

from model.plan import WAYS, ChannelName

SHOWN_CHARS = 2


def masked(channel: ChannelName, address: str) -> str:
    """The last two characters behind stars; of keys and secret addresses nothing is shown."""
    if WAYS[channel].secret or len(address) <= SHOWN_CHARS:
        return "*" * min(len(address), 8)
    return "*" * (len(address) - SHOWN_CHARS) + address[-SHOWN_CHARS:]
