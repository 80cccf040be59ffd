"""`gridcall doctor --live`: what the vendors say of our accounts, and whether we are to be reached. Nobody is told."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

import httpx2

from app import ringing, vendors
from app.doctor import Finding, Level, has_database
from app.security import Proof
from app.stores import database_place, known_installation_key
from config.settings import Settings
from model.clock import Clock, SystemClock
from model.errors import SendError, Unavailable
from model.ids import SystemIds
from model.plan import ChannelName
from model.roster import Roster
from notifiers.channels import live_look
from notifiers.channels.live_look import Look
from notifiers.channels.pagerduty import PagerDutyChannel
from notifiers.channels.twilio_account import TwilioSignature
from notifiers.channels.voice import VoiceChannel
from store import rings
from store.database import Database
from store.rings import Ring

REACH_SECONDS = 10.0
CALLED_BACK = "Twilio calls back"
CALLED_BACK_WITHIN = timedelta(seconds=30)  # a call may wait its turn at Twilio
ASK_EVERY = timedelta(seconds=0.5)
HERE = "/callbacks/here"
WHAT = "public URL"
INBOUND = "/callbacks/twilio/sms/inbound"
_NAMES = re.compile(r"GRIDCALL_TWILIO_(?=ACCOUNT_SID|AUTH_TOKEN|FROM)")


def findings(settings: Settings, roster: Roster) -> list[Finding]:
    """One line for each thing looked at: ok or failed, with the reason and what to do next.

    What is not set up is not looked at; app/doctor.py says what does not work then.
    """
    return asyncio.run(look(settings, roster))


async def look(settings: Settings, roster: Roster) -> list[Finding]:
    """The same within a loop."""
    connected = vendors.connect(settings, SystemClock())
    try:
        return [_finding(one) async for one in _looks(settings, roster, connected)]
    finally:
        await connected.close()


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
    if settings.watch_twilio_account_sid:
        async for look in _of_watch(settings):
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
        reached = await _reached(settings, connected.twilio)
        yield reached
        if isinstance(voice, VoiceChannel) and not reached.wrong:
            yield await _twilio_calls_back(settings, SystemClock())


async def _of_watch(settings: Settings) -> AsyncIterator[Look]:
    """Its own account at Twilio, by which nothing is sent until Gridcall is not well."""
    own = settings.for_watch
    connected = vendors.connect(own, SystemClock(), callbacks=False)
    assert connected.account is not None
    assert own.twilio_account_sid is not None
    assert own.dialling is not None
    try:
        async for look in live_look.twilio(connected.account, own.twilio_account_sid, own.dialling.numbers, None):
            if look.what == "Twilio lines" and not look.wrong:
                continue  # those are of the account for events
            wrong, then = (_NAMES.sub("GRIDCALL_WATCH_TWILIO_", said) for said in (look.wrong, look.then))
            yield Look(f"{look.what} of the watch", wrong, then)
    finally:
        await connected.close()


async def _reached(settings: Settings, twilio: TwilioSignature | None) -> Look:
    url = settings.public_url
    if urlsplit(url).scheme != "https":
        return Look(WHAT, f"{url} is not https", "set GRIDCALL_PUBLIC_URL to what a proxy with a certificate serves")
    if (key := known_installation_key(settings)) is None:
        return Look(WHAT, "Gridcall was not started here yet", "start it, or give GRIDCALL_INSTALLATION_KEY")
    async with httpx2.AsyncClient(timeout=REACH_SECONDS) as client:
        return await round_trip(client, url, Proof(key), twilio)


async def round_trip(client: httpx2.AsyncClient, public_url: str, proof: Proof, twilio: TwilioSignature | None) -> Look:
    """A callback as Twilio would make it, but from here."""
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
    return Look(WHAT, "", f"{proved}, asked from here")


async def _twilio_calls_back(settings: Settings, clock: Clock) -> Look:
    if not await asyncio.to_thread(has_database, settings):
        then = "run doctor with the data folder or GRIDCALL_DATABASE_URL of what runs there"
        return Look(CALLED_BACK, "the database in which a callback is found cannot be used from here", then)
    voice, database = ringing.channel(settings, clock), database_place(settings).open()
    assert voice is not None  # with an account for calls there is one for rings
    try:
        return await called_back(voice, database, clock)
    finally:
        await database.close()
        await voice.close()


async def called_back(voice: VoiceChannel, database: Database, clock: Clock) -> Look:
    """Whether Twilio itself reaches a process of this installation: it is asked to call nobody, and tells how it ended.

    The process that hears it writes it down where each process of the installation would.
    """
    began = clock.now()
    made = Ring(id=SystemIds().new(), person="", started_at=began, by="doctor")
    try:
        await database.transact(lambda conn: rings.add(conn, made))
        await voice.call_nobody(made.id)
        while clock.now() - began < CALLED_BACK_WITHIN:
            known = await database.read(lambda conn: rings.newest(conn, made.person))
            if known is not None and known.id == made.id and known.ended_at is not None:
                seconds = (clock.now() - began).total_seconds()
                return Look(CALLED_BACK, "", f"about a call to nobody, {seconds:.1f} s after it was asked for")
            await clock.sleep_until(clock.now() + ASK_EVERY)
    except Unavailable as away:
        return Look(CALLED_BACK, f"the database is away: {away}", "look at it first: gridcall doctor")
    except SendError as error:
        return Look(CALLED_BACK, f"the call to nobody was not taken: {error}", "try again; status.twilio.com")
    return Look(
        CALLED_BACK,
        f"nothing came within {CALLED_BACK_WITHIN.seconds} s of a call to nobody",
        "let Twilio through to PUBLIC_URL/callbacks/twilio/; its console says under Monitor, Errors what it met",
    )
