"""What the vendors say of our accounts there: nothing is called, texted or posted."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, NamedTuple
from urllib.parse import urldefrag

from model.errors import SendError
from notifiers.channels.pagerduty import PagerDutyChannel
from notifiers.channels.slack import SlackWorkspace
from notifiers.channels.slack_socket import SlackSocket
from notifiers.channels.twilio_account import TwilioAccount, balance_of

SECONDS = 10.0
LEAST_DOLLARS = 5.0
TEXTS = 50  # the newest, among which refusals are looked for
NOT_REGISTERED = 30034
SCOPES = frozenset(
    {
        *("chat:write", "im:write", "channels:history", "groups:history", "im:history"),
        *("channels:read", "groups:read", "commands"),
    }
)


class Look(NamedTuple):
    """`wrong`: the reason, "" where all is well; `then`: what to do about it, or worth knowing."""

    what: str
    wrong: str
    then: str


async def twilio(
    account: TwilioAccount, sid: str, numbers: Sequence[str], inbound_url: str | None
) -> AsyncIterator[Look]:
    """`inbound_url`: where texts to us are to be posted, None for nowhere."""
    try:
        found = await account.ask(SECONDS, lambda c: c.api.v2010.accounts(sid).fetch_async(), changes=False)
    except SendError as error:
        then = "copy GRIDCALL_TWILIO_ACCOUNT_SID and GRIDCALL_TWILIO_AUTH_TOKEN from Twilio's console"
        yield Look("Twilio credentials", str(error), then)
        return
    status = "" if found.status == "active" else f"the account is {found.status}"
    yield Look("Twilio credentials", status, "write to Twilio's support" if status else f"account {found.type}")
    trial = "a trial account calls verified numbers only, 5 at once" if found.type == "Trial" else ""
    lines = "GRIDCALL_TWILIO_LINES and _CALLS_PER_SECOND as the account's profile allows: no API tells them"
    yield Look("Twilio lines", trial, "upgrade the account" if trial else lines)
    yield await _asked("Twilio balance", _balance(account))
    for number in numbers:
        what = "Twilio number" if len(numbers) == 1 else f"Twilio number …{number[-4:]}"
        yield await _asked(what, _number(account, number, inbound_url))
    yield await _asked("Twilio A2P 10DLC", _registered(account, numbers[0]))


async def _asked(what: str, look: Any) -> Look:
    try:
        wrong, then = await look
    except SendError as error:
        return Look(what, str(error), "try again; status.twilio.com")
    return Look(what, wrong, then)


async def _balance(account: TwilioAccount) -> tuple[str, str]:
    found = await account.ask(SECONDS, lambda c: c.balance.fetch_async(), changes=False)
    amount, balance = f"{found.balance} {found.currency}", balance_of(found)
    if balance is None:
        return f"{amount} cannot be read as a balance", "look at it in Twilio's console"
    low = balance.amount < LEAST_DOLLARS
    return (f"{amount} are left", "pay in, and let it recharge by itself") if low else ("", amount)


async def _number(account: TwilioAccount, number: str, inbound_url: str | None) -> tuple[str, str]:
    owned = await account.ask(
        SECONDS, lambda c: c.incoming_phone_numbers.list_async(phone_number=number, limit=1), changes=False
    )
    if not owned:
        verified = await account.ask(
            SECONDS, lambda c: c.outgoing_caller_ids.list_async(phone_number=number, limit=1), changes=False
        )
        if verified:
            return "only a verified caller id: it can call, and neither text nor be answered", "buy a number"
        return "GRIDCALL_TWILIO_FROM is no number of this account", "buy one, or take one that the account has"
    lacking = [can for can in ("voice", "sms") if not (owned[0].capabilities or {}).get(can)]
    if lacking:
        return f"the number cannot {' or '.join(lacking)}", "buy one that can"
    if inbound_url is not None and urldefrag(owned[0].sms_url or "").url != inbound_url:
        return "answers by text do not come here", f"set its incoming texts to POST {inbound_url}"
    return "", "calls, texts, and is answered here" if inbound_url else "calls and texts"


async def _registered(account: TwilioAccount, number: str) -> tuple[str, str]:
    texts = await account.ask(SECONDS, lambda c: c.messages.list_async(from_=number, limit=TEXTS), changes=False)
    refused = sum(str(text.error_code) == str(NOT_REGISTERED) for text in texts)
    if refused:
        return f"{refused} of the last {len(texts)} texts were refused (30034)", "register brand and campaign at Twilio"
    return "", f"none of the last {len(texts)} texts was refused for lack of it"


async def slack(workspace: SlackWorkspace, channels: Collection[str]) -> AsyncIterator[Look]:
    try:
        scopes = await workspace.scopes(SECONDS)
    except SendError as error:
        yield Look("Slack credentials", str(error), "copy the bot token, xoxb-…, from the app's page")
        return
    yield Look("Slack credentials", "", "the token is accepted")
    lacking = ", ".join(sorted(SCOPES - scopes))
    yield Look(
        "Slack scopes", f"{lacking} missing" if lacking else "", "add them and install again" if lacking else "all"
    )
    for channel in sorted(channels):
        yield await _channel(workspace, channel)


async def socket(opened: SlackSocket) -> Look:
    """Whether what people do in Slack can come over a connection of ours."""
    what = "Slack Socket Mode"
    try:
        await opened.check(SECONDS)
    except SendError as error:
        return Look(what, str(error), "copy the app-level token, xapp-…, with connections:write; switch Socket Mode on")
    return Look(what, "", "buttons and commands come over a connection that Gridcall opens")


async def _channel(workspace: SlackWorkspace, channel: str) -> Look:
    what = f"Slack channel {channel}"
    try:
        answer = await workspace.ask(SECONDS, lambda c: c.conversations_info(channel=channel), changes=False)
    except SendError as error:
        return Look(what, str(error), "take the id from the channel's details; a private one needs the bot in it")
    found = answer["channel"]
    if found.get("is_archived"):
        return Look(what, "it is archived", "take another in the roster, or bring it back")
    if not found.get("is_member"):
        return Look(what, "the bot is not in it", "write /invite @gridcall there")
    return Look(what, "", "the bot is in it")


async def pagerduty(channel: PagerDutyChannel, team: str, routing_key: str) -> Look:
    what = f"PagerDuty key of {team}"
    try:
        await channel.check(routing_key)
    except SendError as error:
        return Look(what, str(error), "copy the integration key of an Events API v2 integration")
    return Look(what, "", "accepted; which service it pages, a person has to look")
