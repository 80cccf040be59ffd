"""The phrases of a message, computed once from the event; channels only arrange them (domain.md section 7).

Each phrase is clean text without a full stop, "" where there is nothing to say.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from model.event import Action, Content, EndKind, Event, MessageType, Mode, Phase, Revision, Severity, TargetKind, total
from model.plan import Kind, Notification
from model.roster import OWN_SOURCE, Person, Resource
from notifiers.wording import speech
from notifiers.wording.catalogue import ENGLISH, language
from notifiers.wording.clean import clean, words
from notifiers.wording.clocks import Clocks, zone
from notifiers.wording.context import WordingContext

SITES_NAMED = 3
SHARES_NAMED = 20
_ENDS_IN_INSTANT = re.compile(r"T(\d\d):(\d\d):\d\dZ$")
READ = "read and decide"
IS_A_TEST = ("This is only a test, take no action", "this is only a test, take no action")
QUIET_PHASES = frozenset({Phase.INFO, Phase.ADVISORY, Phase.ALERT, Phase.WARNING})
PROGRAMS = {
    "EDR": "emergency demand response",
    "DR": "demand response",
    "LMR": "load modifying resource",
    "MAXGEN": "maximum generation emergency",
    "ERS": "emergency response service",
    "ERS-10": "emergency response service ten",
    "ERS-30": "emergency response service thirty",
    "SCR": "special case resource",
    "ELRP": "emergency load reduction",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`language`: of the reader's catalogue. `driven`: the headline tells everything (alerts without megawatts).

    Names ending in `_spoken` are for the ear.
    """

    language: str
    mode: str  # "DRILL", "TEST" or "": said first and last
    opening: str
    late: bool
    driven: bool
    own: bool  # Gridcall itself says it
    resolved: bool
    urgency: str
    over: str  # how the event ended, where the rest is about a revision before that
    phase: str
    who: str
    who_spoken: str
    headline: str
    text: str
    do: str
    do_short: str
    do_spoken: str
    by: str
    by_spoken: str
    left: str
    left_spoken: str
    until: str
    until_spoken: str
    planned_end: str
    where: str
    where_spoken: str
    site: str
    zones: str
    shares: tuple[str, ...]
    why: str
    why_spoken: str
    changed: str
    reference: str
    reference_spoken: str
    event_id: str
    revision: int
    answer_by: str
    code: str
    callback: str
    callback_spoken: str
    also_confirm: str
    has_it: str
    has_it_spoken: str
    team: str
    note: str
    more: str  # how many events like it ring with it
    issuer_says: str
    keys: bool  # can be pressed in a call


def facts(n: Notification, event: Event, person: Person | None, ctx: WordingContext, now: datetime) -> Facts:
    """Everything that can be said about the notification's revision, to `person` or to a channel."""
    revision = revision_of(n, event)
    content = revision.content
    clocks = Clocks(_own_zone(person, ctx), zone(content.source_timezone or ctx.source.timezone), now)
    mode, driven = mode_word(content), headline_driven(event, content)
    issuer = clean(content.issuer or ctx.source.name or event.source, 40)
    program = clean(content.program, 40)
    became_a_test = n.kind is Kind.STAND_DOWN and content.mode is Mode.TEST and not content.message_type.ends
    asked, asked_short, asked_spoken = _unasked(*IS_A_TEST) if became_a_test else _do(revision, ctx.sites)
    timed = not (driven or became_a_test)
    by, by_spoken = _by(revision, clocks) if timed else ("", "")
    until, until_spoken = _until(content, clocks) if timed else ("", "")
    over = _over(n, event, ctx, clocks)
    return Facts(
        language=language(person.language) if person else ENGLISH,
        mode=mode,
        opening=mode or ("This may be a drill" if content.may_be_a_drill else "This is not a drill"),
        late=_late(event, revision),
        driven=driven,
        own=_is_our_own(event),
        resolved=driven and content.message_type.ends,
        phase=content.phase.value,
        urgency=_how_urgent(event, content),
        over=over,
        who=_who(event, ctx, issuer, "" if driven else program),
        who_spoken=_who(event, ctx, issuer, "" if driven else PROGRAMS.get(program.upper(), program)),
        headline=_headline(content, mode),
        text=clean(content.text),
        do=asked,
        do_short=asked_short,
        do_spoken=asked_spoken,
        by=by,
        by_spoken=by_spoken,
        left=_left(content, clocks.left) if timed and not over else "",
        left_spoken=_left(content, clocks.left_spoken) if timed and not over else "",
        until=until,
        until_spoken=until_spoken,
        planned_end=clocks.both(content.ends_at) if content.ends_at and not content.message_type.ends else "",
        where=_where(content, ctx.sites, spoken=False),
        where_spoken=_where(content, ctx.sites, spoken=True),
        site=_named(_site_names(content, ctx.sites)),
        zones=_zones(content, spoken=False),
        shares=_shares(content, ctx.sites),
        why=", ".join(p for p in (clean(content.phase_detail, 80), _eea(content, spoken=False)) if p),
        why_spoken=words(", ".join(p for p in (clean(content.phase_detail, 80), _eea(content, spoken=True)) if p), 12),
        changed="" if _is_over(content) else clean("; ".join(revision.changes), 160),
        reference=f"{reference(event.event_id)} r{revision.number}",
        reference_spoken=f"{speech.digits(reference(event.event_id))}, revision {speech.count(revision.number)}",
        event_id=clean(event.event_id, 200),
        revision=revision.number,
        answer_by=f"{clocks.own(event.deadline_at)}" if event.deadline_at > now else "now",
        code=ctx.code or "",
        callback=ctx.callback_number,
        callback_spoken=speech.digits(ctx.callback_number.lstrip("+")),
        also_confirm=clean(ctx.also_confirm or ctx.source.also_confirm, 60),
        has_it=f"{clean(ctx.accepted_by[0], 40)} has it since {clocks.own(ctx.accepted_by[1])}"
        if ctx.accepted_by
        else "",
        has_it_spoken=f"{clean(ctx.accepted_by[0], 40)} has it since {clocks.own_spoken(ctx.accepted_by[1])}"
        if ctx.accepted_by
        else "",
        team=clean(ctx.team_name, 60),
        note=_how_many(ctx.alike) if n.details.get("alike") else clean(str(n.details.get("note", "")), 1000),
        more=_more(ctx.alike, goes_on=bool(over) or n.kind is Kind.STAND_DOWN),
        issuer_says=clean(content.text) if not driven else "",
        keys=ctx.keys,
    )


def _how_many(alike: int) -> str:
    return f"{alike or 'no'} more like it"


def _more(alike: int, *, goes_on: bool) -> str:
    if not alike:
        return ""
    return f"{_how_many(alike)} {'goes' if alike == 1 else 'go'} on" if goes_on else f"and {_how_many(alike)}"


def _headline(content: Content, mode: str) -> str:
    """Without the word that is put before it anyway."""
    said = [word for word in (mode, "RESOLVED" if content.message_type.ends else "") if word]
    text = clean(content.headline, 100) or clean(content.text, 100) or "Message without a headline"
    for word in said:
        text = re.sub(rf"^{word}\b[\s:.,-]*", "", text, flags=re.IGNORECASE) or text
    return text


def revision_of(n: Notification, event: Event) -> Revision:
    """What the row tells. Who is told late of what needs an answer hears it as it is by now, and answers as others."""
    told = next((r for r in event.revisions if r.number == n.revision), event.latest)
    newest = event.latest
    asks = n.kind in (Kind.ALERT, Kind.CONFIRM) and told.number == event.answer_revision
    if not asks or newest is told or newest.content.message_type.ends:
        return told
    return replace(told, content=replace(newest.content, message_type=told.content.message_type))


def headline_driven(event: Event, content: Content) -> bool:
    """True for what is no instruction of a grid operator: our own alarms, Alertmanager, anything without an ask."""
    if _is_our_own(event) or content.needs_reading or content.program.upper() == "OPERATIONS":
        return True
    return not content.program and not content.asks_action and content.instruction.target_mw is None


def _is_our_own(event: Event) -> bool:
    return event.source == OWN_SOURCE


def reference(event_id: str) -> str:
    """The last few characters, which people say to each other: "0007" of MISO-EDR-2026-07-14-0007.

    Of an instant, hour and minute: "0214" of silence/miso/2026-07-14T02:14:05Z.
    """
    if instant := _ENDS_IN_INSTANT.search(event_id):
        return "".join(instant.groups())
    tail = re.split(r"[^A-Za-z0-9]+", event_id.rstrip("-_/.#: "))[-1]
    tail = tail or "".join(c for c in event_id if c.isascii() and c.isalnum()) or "0"
    return (tail if len(tail) <= 6 else tail[-4:]).upper()


def megawatts(value: float) -> str:
    """12.5, 12, 0.125: no zeros that say nothing."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _own_zone(person: Person | None, ctx: WordingContext) -> tzinfo:
    if person is not None:
        return zone(person.timezone)
    return zone(ctx.timezone or next((s.timezone for s in ctx.sites if s.timezone != "UTC"), None))


def _late(event: Event, revision: Revision) -> bool:
    content = revision.content
    passed = content.effective_at is not None and content.effective_at < revision.received_at
    return event.late or (passed and content.message_type is MessageType.NEW and content.asks_action)


def mode_word(content: Content) -> str:
    """ "DRILL", "TEST", "" for what is real."""
    return "" if content.mode is Mode.ACTUAL else content.mode.value.upper()


def _how_urgent(event: Event, content: Content) -> str:
    if _is_our_own(event):
        return _own_urgency(event, content)
    return _urgency(content, mode_word(content), headline_driven(event, content))


def _over(n: Notification, event: Event, ctx: WordingContext, clocks: Clocks) -> str:
    """ "RELEASED, accepted by Ana Reyes 12:04 CST": of a post that asked for an answer, and asks no more."""
    if n.kind is not Kind.EDIT or n.revision == event.latest.number:
        return ""
    now_a = f"NOW A {mode_word(event.content)}" if mode_word(event.content) else "OVER"
    how = _how_urgent(event, event.content) or now_a
    if ctx.accepted_by is None:
        return how
    return f"{how}, accepted by {clean(ctx.accepted_by[0], 40)} {clocks.own(ctx.accepted_by[1])}"


def _urgency(content: Content, mode: str, driven: bool) -> str:
    if driven or content.message_type is MessageType.CANCEL or _released(content):
        return _ended(content, driven)
    if mode:
        return ""
    if content.asks_action:
        return "ACT NOW"
    if _waits(content):
        return "NO ACTION YET"
    return "FOR INFORMATION" if _idle(content) else "READ NOW"


def _ended(content: Content, driven: bool) -> str:
    if driven:
        return "RESOLVED" if content.message_type.ends else ""
    return "CANCELLED" if content.message_type is MessageType.CANCEL else "RELEASED"


def _own_urgency(event: Event, content: Content) -> str:
    if content.message_type.ends:
        return "" if content.severity is Severity.INFO else "ALL CLEAR"  # it may be over by having become worse
    return "ALARM" if event.rings else ""


def _is_quiet(content: Content) -> bool:
    return content.phase in QUIET_PHASES


def _waits(content: Content) -> bool:
    return _is_quiet(content) and _ask(content, content.instruction.target_mw) is None


def _released(content: Content) -> bool:
    return (
        content.message_type is MessageType.TERMINATE
        or content.instruction.action is Action.RELEASE
        or (content.phase is Phase.TERMINATION and not content.asks_action)
    )


def _is_over(content: Content) -> bool:
    """What an end differs in from the order, as "NOW 0 MW" or its own time, would be read as another order."""
    return content.message_type.ends or _released(content)


def _had_begun(revision: Revision) -> bool:
    """It was in force when this was said of it."""
    at = revision.content.effective_at
    return at is not None and at <= revision.received_at


def _do(revision: Revision, sites: Sequence[Resource]) -> tuple[str, str, str]:
    """What to do: written, short (where the urgency stands before it), spoken."""
    content = revision.content
    if content.message_type is MessageType.CANCEL:
        short = "resume" if _had_begun(revision) else "take no action"
        return _unasked(f"Cancelled, {short}", short)
    if _released(content):
        return _unasked("Released, resume", "resume")
    mw = _target(content, sites)
    ask = _ask(content, mw)
    if ask is not None:
        return _asked(ask, mw)
    if _waits(content):
        return _unasked("No action yet", "stand by")
    return _unasked("For information, no action", "no action") if _idle(content) else _unasked("Read and decide", READ)


def _unasked(phrase: str, short: str) -> tuple[str, str, str]:
    return phrase, short, phrase


def _asked(ask: tuple[str, str, str], mw: float | None) -> tuple[str, str, str]:
    verb, link, short = ask
    if mw is None:
        return _unasked(f"{verb} as contracted", f"{verb[0].lower()}{verb[1:]} as contracted")
    unit = "megawatt" if mw == 1 else "megawatts"
    shorter = link.removeprefix("load ")
    return (
        f"{verb} {link}{megawatts(mw)} MW",
        f"{short} {shorter}{megawatts(mw)} MW",
        f"{verb} {link}{speech.digits(megawatts(mw))} {unit}",
    )


def _idle(content: Content) -> bool:
    return content.instruction.action in (Action.NONE, Action.INFORMATIONAL)


def _ask(content: Content, mw: float | None) -> tuple[str, str, str] | None:
    """(verb, words between verb and number, verb of a text), None when nothing is asked."""
    asked = content.instruction
    absolute = asked.target_kind is TargetKind.ABSOLUTE and mw is not None
    match asked.action:
        case Action.REDUCE_LOAD:
            return ("Reduce", "load to " if absolute else "", "cut") if mw is not None else ("Reduce load", "", "cut")
        case Action.INCREASE_GEN:
            return ("Increase generation", "to " if absolute else "by ", "raise generation")
        case Action.HOLD:
            return ("Hold", "at " if absolute else "", "hold")
        case None if (
            asked.target_mw is not None and asked.target_kind is TargetKind.ABSOLUTE and not _is_quiet(content)
        ):
            return ("Set", "to ", "set")
        case None if asked.target_mw and not _is_quiet(content):
            return ("Deploy", "", "deploy")
        case _:
            return None


def _target(content: Content, sites: Sequence[Resource]) -> float | None:
    """The issuer's number, else what the sites are contracted for: of all of them or of none, and never as a level."""
    if content.target_mw is not None or content.instruction.target_kind is TargetKind.ABSOLUTE:
        return content.target_mw
    contracted = {(s.scheme, s.code): s.contracted_mw for s in sites}
    return total(contracted.get((r.scheme, r.code)) if r.target_mw is None else r.target_mw for r in content.resources)


def _by(revision: Revision, clocks: Clocks) -> tuple[str, str]:
    content, at = revision.content, revision.content.effective_at
    if at is None:
        return ("", "")
    if content.message_type is MessageType.CANCEL:
        word = "had started at" if _had_begun(revision) else "was to start at"
    elif _released(content):
        word = "as of"
    elif at <= clocks.now:
        word = "since"
    else:
        word = "by" if content.asks_action or content.instruction.action is None else "from"
    return (f"{word} {clocks.both(at)}", f"{word} {clocks.both_spoken(at)}")


def _left(content: Content, say: Callable[[datetime], str]) -> str:
    return "" if _is_over(content) or content.effective_at is None else say(content.effective_at)


def _until(content: Content, clocks: Clocks) -> tuple[str, str]:
    if _is_over(content) or _ask(content, None) is None:
        return ("", "")
    later = ", changes before that: read the message" if content.later else ""
    if content.end_kind is EndKind.UNTIL_RELEASED or content.ends_at is None:
        return (f"hold until released{later}", f"Hold until released{later}")
    return (f"until {clocks.both(content.ends_at)}{later}", f"Until {clocks.both_spoken(content.ends_at)}{later}")


def _site_names(content: Content, sites: Sequence[Resource]) -> list[str]:
    """The names people say; an unknown site by the issuer's code."""
    known = {(s.scheme, s.code): clean(s.name, 40) for s in sites}
    return [known.get((r.scheme, r.code)) or clean(r.code, 40) for r in content.resources] or list(known.values())


def _named(names: Sequence[str]) -> str:
    shown, more = list(names[:SITES_NAMED]), len(names) - SITES_NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _zones(content: Content, spoken: bool) -> str:
    shown = content.zones[:SITES_NAMED]
    if spoken:
        return ", ".join(f"zone {clean(z.code, 20)}" for z in shown)
    return ", ".join(f"{clean(z.scheme, 20)} {clean(z.code, 20)}" for z in shown)


def _where(content: Content, sites: Sequence[Resource], spoken: bool) -> str:
    """Never a zone number alone: without a site's name it says so."""
    names, zones = _named(_site_names(content, sites)), _zones(content, spoken)
    if zones and not names:
        names = "no site named"
    return ", ".join(p for p in (names, zones) if p)


def _shares(content: Content, sites: Sequence[Resource]) -> tuple[str, ...]:
    if len(content.resources) < 2:
        return ()
    names = _site_names(content, sites)
    shares = [
        f"{name}: {megawatts(r.target_mw)} MW"
        for name, r in zip(names, content.resources, strict=True)
        if r.target_mw is not None
    ]
    more = len(shares) - SHARES_NAMED
    return (*shares[:SHARES_NAMED], *([f"and {more} more"] if more > 0 else []))


def _eea(content: Content, spoken: bool) -> str:
    if not content.nerc_eea:
        return ""
    return f"E E A {speech.count(content.nerc_eea)}" if spoken else f"EEA {content.nerc_eea}"


def _who(event: Event, ctx: WordingContext, issuer: str, program: str) -> str:
    if _is_our_own(event):
        return "Gridcall"
    return f"{issuer} {program}".strip()
