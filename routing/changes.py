"""What a new revision changes, and whether those who accepted the old one must answer again. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from model.event import Action, Content, EndKind, Mode, Phase, Severity, TargetKind

# Phases in which something is asked of people; going up among them is a raise.
_URGENCY = {
    Phase.INFO: 0,
    Phase.TERMINATION: 0,
    Phase.ADVISORY: 1,
    Phase.ALERT: 2,
    Phase.WARNING: 3,
    Phase.EVENT: 4,
}
_ACTIONS = {
    Action.REDUCE_LOAD: "reduce load",
    Action.INCREASE_GEN: "increase generation",
    Action.HOLD: "hold",
    Action.RELEASE: "released",
    Action.NONE: "no action",
    Action.INFORMATIONAL: "for information",
    None: "read and decide",
}
_MODES = {Mode.ACTUAL: "real", Mode.DRILL: "a drill", Mode.TEST: "a test"}
_IDLE = (Action.RELEASE, Action.NONE, Action.INFORMATIONAL)
_VERBS: dict[Action | None, str] = {Action.REDUCE_LOAD: "reduce ", Action.INCREASE_GEN: "increase generation "}
_WEEK_DAYS = 7
_KINDS = {TargetKind.RELATIVE: "by", TargetKind.ABSOLUTE: "to"}


def needs_answer(before: Content, after: Content) -> bool:
    """True when megawatts or their kind, start, end or what is asked changed, the phase was raised, a mere notice
    became more than that, or the mode is another; and when a person must read what is said now.
    """
    return (
        before.instruction.target_mw != after.instruction.target_mw
        or before.instruction.target_kind != after.instruction.target_kind
        or before.instruction.action != after.instruction.action
        or before.effective_at != after.effective_at
        or before.ends_at != after.ends_at
        or before.end_kind != after.end_kind
        or before.resources != after.resources
        or before.later != after.later
        or (after.needs_reading and (before.headline, before.text) != (after.headline, after.text))
        or raised(before, after)
        or before.severity.rank < Severity.WARNING.rank <= after.severity.rank
        or before.mode is not after.mode
    )


def raised(before: Content, after: Content) -> bool:
    """The phase went up."""
    return _URGENCY[after.phase] > _URGENCY[before.phase]


def moved_start(before: Content | None, after: Content) -> bool:
    return before is None or before.effective_at != after.effective_at


def in_words(before: Content, after: Content) -> tuple[str, ...]:
    """Short phrases, most important first, e.g. ("NOW 15 MW (was 12.5)", "EXTENDED to 18:30 EST")."""
    if after.mode is Mode.TEST and before.mode is not Mode.TEST:
        return (_mode(before, after),)  # whatever else it says, nothing is asked any more
    zone = after.source_timezone or before.source_timezone
    found = [
        _mode(before, after) if after.mode is not before.mode else None,
        _action(before, after),
        _megawatts(before, after),
        _start(before, after, zone),
        _end(before, after, zone),
        "OTHER STEPS LATER" if after.later != before.later and not after.message_type.ends else None,
        f"PHASE {after.phase} (was {before.phase})" if after.phase is not before.phase else None,
        _severity(before, after),
        "NEW SITES" if after.resources != before.resources else None,
        "NEW ZONES" if set(after.zones) - set(before.zones) else None,
    ]
    return tuple(words for words in found if words)


def _mode(before: Content, after: Content) -> str:
    return f"NOW {_MODES[after.mode].upper()} (was {_MODES[before.mode]})"


def _severity(before: Content, after: Content) -> str | None:
    """A raise that the phase does not tell already."""
    if after.phase is not before.phase or after.severity.rank <= before.severity.rank:
        return None
    return f"NOW {after.severity} (was {before.severity})"


def _action(before: Content, after: Content) -> str | None:
    """Another thing to do than what was ordered; a first order and an end are told by themselves."""
    old, new = before.instruction.action, after.instruction.action
    if old is None or not old.asks or old is new or after.message_type.ends:
        return None
    return f"NOW {_ACTIONS[new]} (was {_ACTIONS[old]})"


def _megawatts(before: Content, after: Content) -> str | None:
    old, new, asked = before.target_mw, after.target_mw, after.instruction
    if asked.action in _IDLE and not after.message_type.ends:
        return None  # the action tells it
    if new is None:
        return f"NOW as contracted (was {old:g} MW)" if old and after.asks_action else None
    if asked.target_kind is not before.instruction.target_kind and asked.action not in _IDLE:
        was = f" (was {_KINDS[before.instruction.target_kind]} {old:g})" if old else ""
        return f"NOW {_VERBS.get(asked.action, '')}{_KINDS[asked.target_kind]} {new:g} MW{was}"
    return None if old == new else f"NOW {new:g} MW" + (f" (was {old:g})" if old else "")


def _start(before: Content, after: Content, zone: str | None) -> str | None:
    if before.effective_at == after.effective_at or after.effective_at is None:
        return None
    return f"START MOVED to {_day(after.effective_at, before.effective_at, zone)}{wall(after.effective_at, zone)}"


def _end(before: Content, after: Content, zone: str | None) -> str | None:
    old, new = before.ends_at, after.ends_at
    if old == new:
        return "HOLD UNTIL RELEASED" if _became_open(before, after) else None
    if new is None:
        return "NO END GIVEN"
    verb = "EXTENDED" if old is None or new > old else "SHORTENED"
    return f"{verb} to {_day(new, old, zone)}{wall(new, zone)}"


def _day(at: datetime, was: datetime | None, zone: str | None) -> str:
    """ "Wed " where it is another one than before, "Aug 3 " where that is a week or more away."""
    place = ZoneInfo(zone or "UTC")
    local, days = at.astimezone(place), 0
    if was is not None:
        days = abs((local.date() - was.astimezone(place).date()).days)
    if not days:
        return ""
    return f"{local:%a} " if days < _WEEK_DAYS else f"{local:%b} {local.day} "


def _became_open(before: Content, after: Content) -> bool:
    return after.end_kind is EndKind.UNTIL_RELEASED and before.end_kind is not EndKind.UNTIL_RELEASED


def wall(at: datetime, zone: str | None) -> str:
    """HH:MM in the issuer's time; MISO's all-year standard time is said as EST."""
    local = at.astimezone(ZoneInfo(zone or "UTC"))
    name = "EST" if zone == "Etc/GMT+5" else local.tzname()
    return f"{local:%H:%M} {name}"
