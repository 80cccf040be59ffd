"""`gridcall doctor --live`: what the vendors say of our accounts, and whether we are to be reached. Nobody is told."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2

from app import vendors
from app.doctor import Finding, Level
from config.settings import Settings
from model.clock import SystemClock
from model.plan import ChannelName
from model.roster import Roster
from notifiers.channels import live_look
from notifiers.channels.live_look import Look
from notifiers.channels.pagerduty import PagerDutyChannel
from notifiers.channels.voice import VoiceChannel

REACH_SECONDS = 10.0
INBOUND = "/callbacks/twilio/sms/inbound"


def findings(settings: Settings, roster: Roster) -> list[Finding]:
    """One line for each thing looked at: ok or failed, with the reason and what to do next."""
    return asyncio.run(look(settings, roster))


async def look(settings: Settings, roster: Roster) -> list[Finding]:
    """The same within a loop."""
    connected = vendors.connect(settings, SystemClock())
    try:
        found = [_finding(one) async for one in _looks(settings, roster, connected)]
    finally:
        await connected.close()
    unheard = [Finding(Level.MIND, "callbacks", sentence) for sentence in vendors.unheard(settings)]
    return [*found, *unheard, *(Finding(Level.FAILS, "vendors", sentence) for sentence in connected.missing)]


def _finding(look: Look) -> Finding:
    if look.wrong:
        return Finding(Level.FAILS, look.what, f"failed: {look.wrong}. Next: {look.then}")
    return Finding(Level.FINE, look.what, f"ok: {look.then}")


async def _looks(settings: Settings, roster: Roster, connected: vendors.Vendors) -> AsyncIterator[Look]:
    voice = connected.channels.get(ChannelName.VOICE)
    if isinstance(voice, VoiceChannel) and settings.twilio_account_sid and settings.dialling:
        inbound = f"{settings.public_url}{INBOUND}" if settings.called_back else None
        numbers = settings.dialling.numbers
        async for look in live_look.twilio(voice.account, settings.twilio_account_sid, numbers, inbound):
            yield look
    if connected.workspace is not None:
        named = [team.slack_channel for team in roster.teams.values()]
        named += [*(team.slack_test_channel for team in roster.teams.values()), roster.admin_channel]
        async for look in live_look.slack(connected.workspace, {channel for channel in named if channel}):
            yield look
    if connected.socket is not None:
        yield await live_look.socket(connected.socket)
    pagerduty = connected.channels[ChannelName.PAGERDUTY]
    assert isinstance(pagerduty, PagerDutyChannel)
    for team in roster.teams.values():
        if team.pagerduty is not None:
            yield await live_look.pagerduty(pagerduty, team.id, team.pagerduty.routing_key)
    if settings.called_back:
        yield await _reached(settings.public_url)


async def _reached(url: str) -> Look:
    """From here, which is not from the vendors: only a call's key shows that a callback comes back."""
    what = "public URL"
    if urlsplit(url).scheme != "https":
        return Look(what, f"{url} is not https", "set GRIDCALL_PUBLIC_URL to what a proxy with a certificate serves")
    try:
        async with httpx2.AsyncClient(timeout=REACH_SECONDS) as client:
            answer = await client.get(f"{url}/healthz")
    except httpx2.HTTPError as error:
        return Look(what, f"{url}: {type(error).__name__}", "start Gridcall and the proxy, look at certificate and DNS")
    if not answer.is_success:
        return Look(what, f"{url}/healthz answers {answer.status_code}", "let the proxy pass every path on")
    return Look(what, "", "answers; gridcall ring PERSON shows whether Twilio reaches it too")
