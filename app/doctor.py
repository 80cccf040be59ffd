"""What `gridcall doctor` looks at: everything that would fail at the first event instead of now."""

import asyncio
import os
import socket
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple, TypeVar

from app import signatures, vendors, watch_credentials
from app.coverage import looked
from app.duty_alarm import Told, told
from app.key_edits import expired
from app.serve import read_roster
from app.stores import database_place
from app.vendor_checks import Seen, look
from app.vendors import PAGERDUTY, TWILIO
from broker.rabbitmq import server_at
from broker.spool import in_memory
from config.settings import Settings, unknown_variables
from heartbeat import beats
from heartbeat.hearing import watched
from model.clock import SystemClock
from model.errors import SettingsError, Unavailable
from model.monitor import Listening, Maintenance, Monitor
from model.plan import WAYS, ChannelName
from model.roster import PagerDutyMode, Roster
from routing.coverage import at_once
from routing.night_look import AHEAD
from store import contacts, listening, maintenance, migrate, monitors, rosters
from store.database import Connection
from store.places import Place, Postgres
from store.rosters import KeyRow

T = TypeVar("T")

MAX_NAMED = 5

MAX_MISSING = 20
LISTENED = timedelta(hours=1)  # without a break; a source that was to be set up is by then


class Level(StrEnum):
    FINE = "fine"
    MIND = "mind"  # works, but somebody should know
    FAILS = "fails"


class Finding(NamedTuple):
    level: Level
    what: str
    detail: str


_NOBODY = Finding(Level.MIND, "keys", "nobody has one: gridcall keys create --role admin --name NAME")


def findings(settings: Settings) -> Iterator[Finding]:
    for name in unknown_variables():
        yield Finding(Level.MIND, "settings", f"{name} is not a setting of Gridcall")
    yield from _files(settings)
    yield from _roster(settings)
    yield _port("HTTP port", settings.http_host, settings.http_port)
    yield from _vendors(settings)
    yield from _keys(settings)


# --- files ----------------------------------------------------------------------------------------------------------


def _files(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    if settings.database_url is not None or folder.exists():
        yield _database(database_place(settings))
    if not folder.exists():
        yield Finding(Level.FINE, "data folder", f"{folder} does not exist yet; the first start makes it")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(Level.FAILS, "data folder", f"{folder} cannot be written")
        return
    yield Finding(Level.FINE, "data folder", f"{folder} can be written")
    yield from _queue(settings)


def _queue(settings: Settings) -> Iterator[Finding]:
    if settings.amqp_url is None:
        queue = settings.data_dir / "queue.db"
        there = queue.exists()
        yield Finding(Level.FINE, "queue", f"{queue} is there" if there else f"{queue}: made at the first start")
        return
    try:
        server = asyncio.run(server_at(settings.amqp_url.get_secret_value(), SystemClock()))
        yield Finding(Level.FINE, "queue", f"{server} answers")
    except Unavailable as error:
        yield Finding(Level.FAILS, "queue", f"RabbitMQ at GRIDCALL_AMQP_URL: {error}")
    spool = settings.data_dir / "spool"
    if in_memory(spool):
        yield Finding(Level.FAILS, "spool", f"{spool} is in memory: give GRIDCALL_DATA_DIR a real disk")


def _database(place: Place) -> Finding:
    if not place.exists():
        return Finding(Level.FINE, "database", f"{place}: made at the first start")
    try:
        at = _revision(place)
    except Unavailable as away:
        return Finding(Level.FAILS, "database", f"{place} cannot be used: {away}")
    return _schema(place, at)


def _schema(place: Place, at: str | None) -> Finding:
    if at == migrate.head():
        return Finding(Level.FINE, "database", f"{place} is at {at}")
    if migrate.from_a_later_version(at):
        return Finding(Level.FAILS, "database", f"{place} is at {at}, made by a later version than this")
    if at is None and isinstance(place, Postgres):
        return Finding(Level.MIND, "database", f"{place} has no tables yet: gridcall migrate, or the next start")
    if at is None:
        return Finding(Level.FAILS, "database", f"{place} is not a database of Gridcall")
    return Finding(
        Level.MIND, "database", f"{place} is at {at}; gridcall migrate, or the next start, brings it further"
    )


def _revision(place: Place) -> str | None:
    """Raises Unavailable when a server is away."""
    try:
        return place.look(migrate.current)
    except Unavailable:
        raise
    except Exception:  # whatever SQLite says of a file that is none of its own
        return None


# --- roster ---------------------------------------------------------------------------------------------------------


def _roster(settings: Settings) -> Iterator[Finding]:
    if settings.roster is None:
        yield from _stored_roster(settings)
        return
    try:
        file = read_roster(settings.roster)
    except SettingsError as wrong:
        yield Finding(Level.FAILS, "roster", str(wrong))
        return
    yield Finding(Level.FINE, "roster", f"{settings.roster}: {_size(file.roster)}")
    if known := [key.id for key in file.keys if key.demo]:
        yield Finding(Level.MIND, "keys", f"{', '.join(known)} have secrets everybody knows: refused without --demo")
    if not file.keys and not _stored_keys(settings):
        yield _NOBODY
    yield from _unverified(settings, file.roster)
    yield from _forbidden(settings, file.roster)
    yield from _maintenance(settings)
    yield from _coverage(file.roster)
    yield from _pagerduty(file.roster)
    yield from _signing(settings, file.roster)
    yield from _talking_back(settings, file.roster)


def roster_of(settings: Settings) -> Roster:
    """The roster that was looked at; an empty one where there is none, or none that can be read."""
    try:
        found = read_roster(settings.roster).roster if settings.roster else _asked(settings, rosters.latest, None)
    except SettingsError:
        return Roster()
    return found or Roster()


def _stored_roster(settings: Settings) -> Iterator[Finding]:
    place = database_place(settings)
    try:
        ready = place.exists() and _revision(place) == migrate.head()
        found = place.look(rosters.latest) if ready else None
    except Unavailable:
        yield Finding(Level.MIND, "roster", "not known while the database is away")
        return
    if found is None:
        yield Finding(Level.MIND, "roster", "there is none yet: give one with --roster FILE, or try serve --demo")
        return
    yield Finding(Level.FINE, "roster", f"version {found.version} in the database: {_size(found)}")
    if not _stored_keys(settings):
        yield _NOBODY
    yield from _unverified(settings, found)
    yield from _forbidden(settings, found)
    yield from _never_heard(settings, found)
    yield from _maintenance(settings)
    yield from _periods(found)
    yield from _coverage(found)
    yield from _pagerduty(found)
    yield from _signing(settings, found)
    yield from _talking_back(settings, found)


def _stored_keys(settings: Settings) -> list[KeyRow]:
    return _asked(settings, rosters.all_keys, [])


def _asked(settings: Settings, fn: Callable[[Connection], T], otherwise: T) -> T:
    """What the database says; `otherwise` where there is none of this version, or it is away."""
    place = database_place(settings)
    try:
        return place.look(fn) if place.exists() and _revision(place) == migrate.head() else otherwise
    except Unavailable:
        return otherwise


def has_database(settings: Settings) -> bool:
    """Of this version, and it can be used now."""
    return _asked(settings, lambda _: True, otherwise=False)


def _unverified(settings: Settings, roster: Roster) -> Iterator[Finding]:
    methods = [m for person in roster.people.values() for m in person.methods if not WAYS[m.channel].secret]
    addresses = {method.address for method in methods}  # nobody says back a code from a webhook
    unsure = addresses - _asked(settings, lambda conn: contacts.verified(conn, addresses), set[str]())
    if unsure:
        people = sorted(p.id for p in roster.people.values() if any(m.address in unsure for m in p.methods))
        of = ", ".join(people[:MAX_NAMED]) + (f" and {len(people) - MAX_NAMED} more" if len(people) > MAX_NAMED else "")
        detail = f"{len(unsure)} of {len(addresses)} numbers and Slack users are not verified, of {of}: docs/api.md"
        yield Finding(Level.MIND, "contacts", detail)


def _forbidden(settings: Settings, roster: Roster) -> Iterator[Finding]:
    """People whose number may not be called, by which rule."""
    if (dialling := settings.dialling) is None:
        return
    for person in roster.people.values():
        numbers = {m.address for m in person.methods if m.channel in (ChannelName.VOICE, ChannelName.SMS)}
        for rule in sorted({rule for number in numbers if (rule := dialling.forbids(number))}):
            yield Finding(Level.FAILS, "contacts", f"{person.id} cannot be called: {rule}")


def _never_heard(settings: Settings, roster: Roster) -> Iterator[Finding]:
    """Sources of which nothing ever came, when somebody has listened for long enough to tell."""
    records: list[Listening] = _asked(settings, listening.every, [])
    if not any(record.until - record.since >= LISTENED for record in records):
        return
    written: dict[str, Monitor] = _asked(settings, monitors.every, {})
    heard = {source for source, known in written.items() if known.last_seen_at}
    if silent := sorted(source.id for source, _ in watched(roster) if source.id not in heard):
        of = ", ".join(silent[:MAX_NAMED]) + (f" and {len(silent) - MAX_NAMED} more" if len(silent) > MAX_NAMED else "")
        detail = f"never heard, so their silence is no alarm yet: {of}; let them beat, or give them heartbeat: none"
        yield Finding(Level.MIND, "sources", detail)


def _maintenance(settings: Settings) -> Iterator[Finding]:
    """Whose silence calls nobody now, or will not, since somebody said so."""
    now = SystemClock().now()
    said: list[Maintenance] = _asked(settings, lambda conn: maintenance.ahead(conn, now), [])
    for window in said[:MAX_MISSING]:
        when = f"{window.since:%b %d %H:%M} until {window.until:%b %d %H:%M} UTC"
        detail = f"{window.source} need not be heard from {when}, as {window.author} said: {window.reason}"
        yield Finding(Level.MIND if window.runs(now) else Level.FINE, "maintenance", detail)
    if more := len(said[MAX_MISSING:]):
        yield Finding(Level.MIND, "maintenance", f"and {more} more: gridcall maintain lists them")


def _periods(roster: Roster) -> Iterator[Finding]:
    """What nobody knows but the sender: whether it beats often enough for its period."""
    if short := sorted(source.id for source, minded in watched(roster) if beats.too_short(minded)):
        of = ", ".join(short[:MAX_NAMED]) + (f" and {len(short) - MAX_NAMED} more" if len(short) > MAX_NAMED else "")
        needs = f"needs period_seconds: {beats.period_for(beats.USUAL_BEAT_SECONDS)}"
        yield Finding(Level.FINE, "sources", f"late after 5 minutes or less: {of}; who beats every 5 minutes {needs}")


def _size(roster: Roster) -> str:
    return f"{len(roster.people)} people, {len(roster.rotations)} rotations, {len(roster.sources)} sources"


def _coverage(roster: Roster) -> Iterator[Finding]:
    """What the look of each night tells, and who is in two places."""
    look = at_once(looked(roster, SystemClock().now(), AHEAD.days))
    for found in look["findings"][:MAX_MISSING]:
        yield Finding(Level.MIND, "coverage", found["text"])
    if more := len(look["findings"][MAX_MISSING:]) + look["findings_omitted"]:
        yield Finding(Level.MIND, "coverage", f"and {more} more: gridcall coverage names them")
    if not look["findings"]:
        yield Finding(Level.FINE, "coverage", f"nobody is missing in the next {AHEAD.days} days")


def _pagerduty(roster: Roster) -> Iterator[Finding]:
    """Nothing the Events API answers tells how a service is set up: a person has to look."""
    if not any(team.pagerduty for team in roster.teams.values()):
        nothing = "PagerDuty is not set up: nothing is recorded or raised there (pagerduty of a team in the roster)"
        yield Finding(Level.MIND, "vendors", nothing)
    for team in roster.teams.values():
        if team.pagerduty and team.pagerduty.mode is PagerDutyMode.RECORD:
            yield Finding(
                Level.MIND,
                "PagerDuty",
                f"team {team.id} uses mode record: it needs a service whose urgency follows severity "
                "(dynamic notifications), else every event pages at once or never does",
            )


def _signing(settings: Settings, roster: Roster) -> Iterator[Finding]:
    """A source that signs with a secret which is not set here cannot be believed."""
    for source in roster.sources.values():
        keys = signatures.usable(source.trust, settings.signing_secrets)
        if lacking := [name for name in source.trust.secrets if name not in keys]:
            detail = f"{', '.join(lacking)} of GRIDCALL_SOURCE_SECRETS: not set, or no base64 where the format needs it"
            yield Finding(Level.MIND if keys else Level.FAILS, f"source {source.id}", detail)


def _talking_back(settings: Settings, roster: Roster) -> Iterator[Finding]:
    """A source that cannot be asked or told: its URL is named in the roster, its host in the settings."""
    for source in roster.sources.values():
        urls = [kept.url for kept in (source.history, source.callback) if kept]
        whys = dict.fromkeys(why for url in urls if (why := settings.upstream_allowed.refuses(url)))
        if source.callback and source.callback.secret not in settings.signing_secrets:
            whys[f"{source.callback.secret} of GRIDCALL_SOURCE_SECRETS is not set"] = None
        for why in whys:
            yield Finding(Level.FAILS, f"source {source.id}", f"cannot be talked to: {why}")


def _keys(settings: Settings) -> Iterator[Finding]:
    found = _stored_keys(settings)
    now = SystemClock().now()
    if ended := [key.id for key in found if expired(key, now)]:
        detail = f"{', '.join(ended)}: expired; gridcall keys revoke NAME, or renew NAME --days 365"
        yield Finding(Level.MIND, "keys", detail)


# --- outside --------------------------------------------------------------------------------------------------------


def _port(what: str, host: str, port: int) -> Finding:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            return Finding(Level.MIND, what, f"{port} of {host}: {error.strerror}; perhaps Gridcall runs already")
    return Finding(Level.FINE, what, f"{port} of {host} is free")


def _vendors(settings: Settings) -> Iterator[Finding]:
    lacking = vendors.missing(settings)
    for sentence in lacking:
        yield Finding(Level.MIND, "vendors", sentence)
    known = settings.twilio_account_sid or settings.slack_bot_token
    for vendor, seen in asyncio.run(_asked_vendors(settings)).items() if known else ():
        yield _seen(vendor, seen)
    yield from _watch(settings)
    for sentence in vendors.unheard(settings):
        yield Finding(Level.MIND, "callbacks", f"{sentence}: set GRIDCALL_PUBLIC_URL")


def _seen(vendor: str, seen: Seen) -> Finding:
    level = Level.FAILS if seen.refused else Level.MIND if seen.trouble else Level.FINE
    return Finding(level, vendor, seen.detail)


def _watch(settings: Settings) -> Iterator[Finding]:
    """What the watch tells by and nothing else uses."""
    try:
        whom = told(settings, settings.public_url)
    except SettingsError as error:
        yield Finding(Level.FAILS, "watch", str(error))
        return
    given = ((PAGERDUTY, settings.watch_pagerduty_key), (TWILIO, settings.watch_twilio_account_sid))
    own = {vendor for vendor, credential in given if credential}
    for vendor, seen in asyncio.run(_asked_by_watch(settings, whom, own)).items() if own else ():
        yield _seen(f"{vendor} of the watch", seen)


async def _asked_by_watch(settings: Settings, whom: Told, names: Collection[str]) -> dict[str, Seen]:
    clock = SystemClock()
    connected = vendors.connect(settings.for_watch, clock, callbacks=False)
    try:
        checks = watch_credentials.checks(connected, whom)
        return await look({name: check for name, check in checks.items() if name in names}, clock)
    finally:
        await connected.close()


async def _asked_vendors(settings: Settings) -> dict[str, Seen]:
    """Those that have credentials of the settings; the routing keys of PagerDuty are asked by what runs."""
    clock = SystemClock()
    connected = vendors.connect(settings, clock)
    try:
        return await look(connected.checks(()), clock)
    finally:
        await connected.close()
