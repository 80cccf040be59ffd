"""`gridcall doctor --live`: what the vendors say of our accounts, and whether we are to be reached. Nobody is told."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2

from app import vendors
from app.doctor import Finding, Level
from app.security import Proof
from app.stores import known_installation_key
from config.settings import Settings
from model.clock import SystemClock
from model.plan import ChannelName
from model.roster import Roster
from notifiers.channels import live_look
from notifiers.channels.live_look import Look
from notifiers.channels.pagerduty import PagerDutyChannel
from notifiers.channels.twilio_account import TwilioSignature
from notifiers.channels.voice import VoiceChannel

REACH_SECONDS = 10.0
HERE = "/callbacks/here"
WHAT = "public URL"
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
        yield await _reached(settings, connected.twilio)


async def _reached(settings: Settings, twilio: TwilioSignature | None) -> Look:
    url = settings.public_url
    if urlsplit(url).scheme != "https":
        return Look(WHAT, f"{url} is not https", "set GRIDCALL_PUBLIC_URL to what a proxy with a certificate serves")
    if (key := known_installation_key(settings)) is None:
        return Look(WHAT, "Gridcall was not started here yet", "start it, or give GRIDCALL_INSTALLATION_KEY")
    async with httpx2.AsyncClient(timeout=REACH_SECONDS) as client:
        return await round_trip(client, url, Proof(key), twilio)


async def round_trip(client: httpx2.AsyncClient, public_url: str, proof: Proof, twilio: TwilioSignature | None) -> Look:
    """A callback as Twilio would make it, but from here: only a call shows that the vendors come through as well.

    No vendor has a callback that disturbs nobody: Twilio's come with a call or a text, Slack's when somebody presses.
    """
    nonce = secrets.token_hex(16)
    url, form = f"{public_url}{HERE}?nonce={nonce}", {"CallStatus": "completed", "From": "+15550100"}
    headers = {"x-twilio-signature": twilio.made(url, form)} if twilio else {}
    try:
        answer = await client.post(url, data=form, headers=headers)
    except httpx2.HTTPError as error:
        then = "start Gridcall and the proxy, look at certificate and DNS"
        return Look(WHAT, f"{public_url}: {type(error).__name__}", then)
    if not answer.is_success:
        then = "let the proxy pass on all below /callbacks/, POST too"
        return Look(WHAT, f"{public_url}{HERE} answers {answer.status_code}", then)
    return _judged(public_url, answer, proof.of(nonce), signs=twilio is not None)


def _judged(public_url: str, answer: httpx2.Response, expected: str, *, signs: bool) -> Look:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict) or "installation" not in said:
        then = "look whose host that is; let the proxy pass requests on and not answer them"
        return Look(WHAT, f"something else than Gridcall answers at {public_url}", then)
    if said["installation"] != expected:
        then = (
            "look where the proxy leads; run doctor with the data folder or GRIDCALL_INSTALLATION_KEY of what is there"
        )
        return Look(WHAT, f"another installation, or an answer of earlier, is at {public_url}", then)
    if signs and said.get("signed_by_twilio") is not True:
        then = (
            "let the proxy keep path, query and body; give Gridcall and doctor the same GRIDCALL_PUBLIC_URL and token"
        )
        return Look(WHAT, "what Twilio signs does not hold when it arrives", then)
    proved = (
        "this installation answers there, and Twilio's signature holds" if signs else "this installation answers there"
    )
    return Look(WHAT, "", f"{proved}, asked from here; only gridcall ring PERSON shows that Twilio comes through too")
