"""What operators' free text says: step, EEA, zones, megawatts, times. Careful rather than clever.

What it does not find it leaves out, and where the text has room for two opinions it says so: a wrong number of
megawatts, or a release that was none, is worse than a person who has to read the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

from intake.amounts import megawatts
from intake.grid_end import the_end
from intake.grid_words import AT, EEA, NOTICES, RESOURCE, SENTENCE_END, STEP, ZONE_LIST
from model.event import Action, Phase, TargetKind, Zone

EST = timezone(timedelta(hours=-5), "EST")  # MISO's clock, all year: IANA's Etc/GMT+5
LRZ = "MISO-LRZ"
_ZONES_MAX = 99
READ_CHARS = 4_000

# Until when something holds is no release of it.
_UNTIL_RELEASED = re.compile(
    r"\buntil\s+(?:further\s+notice|(?:it\s+is\s+|you\s+are\s+|otherwise\s+)?(?:released|terminated|cancell?ed|notified))",
    re.I,
)
_PROGRAM_ORDER = re.compile(r"\b(EDR|LMR)s?\s+(?:Dispatch|Deployment|Instruction)", re.I)
_PROGRAMS = (
    ("EDR", re.compile(r"\bEDRs?\b|\bEmergency\s+Demand\s+Response\b", re.I)),
    ("LMR", re.compile(r"\bLMRs?\b|\bLoad\s+Modifying\s+Resources?\b", re.I)),
)
_DRILL = re.compile(r"\bdrills?\b", re.I)
_SAYS_DRILL = re.compile(
    r"^\W*(?:MISO\s+)?(?:operator\s+)?drill\b(?=\s*(?:$|[.,;:!*()–—-]|(?:operator\s+)?drill\b))"
    r"|(?:^|[.,;:!*()–—-])\s*this\s+is\s+(?:only\s+|just\s+)?an?\s+(?:(?:planned|scheduled|MISO|operator)\s+)*drill\b"
    r"(?=\s*(?:$|[.,;:!*()–—-]))",
    re.I,
)
_NO_DRILL = re.compile(r"\b(?:no|(?:not|never|n't)(?:\s+an?)?)\s+(?:operator\s+)?drills?\b", re.I)
# One that is held at another time, or not at all. What stands between may not be what is drilled.
_OTHER_DRILL = re.compile(
    r"\bdrills?(?:\s+(?:is|was|are|were|has|have|been|for|of|on|at|the|this|today|tomorrow|tonight|week|morning|afternoon"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|'s|\d[\d:/]*|EST)){0,8}\s+(?:postponed|cancell?ed|(?:re)?scheduled|planned)\b",
    re.I,
)

_VERBS = {
    "reduce": Action.REDUCE_LOAD,
    "curtail": Action.REDUCE_LOAD,
    "cut": Action.REDUCE_LOAD,
    "shed": Action.REDUCE_LOAD,
    "increase": Action.INCREASE_GEN,
    "raise": Action.INCREASE_GEN,
    "hold": Action.HOLD,
    "maintain": Action.HOLD,
}
_LIMIT = (
    r"(?:(?:at\s+or\s+)?(?:below|under)|at\s+most|(?:no|not)\s+(?:more|greater|higher)\s+than|(?:no|not)\s+above|within"
    r"|(?<!no )(?<!not )less\s+than(?:\s+or\s+equal\s+to)?|not\s+(?:to\s+)?exceed(?:ing)?|up\s+to"
    r"|(?:a\s+)?max(?:imum)?(?:\s+of)?)\s+|[<≤]=?\s*"
)
# A verb, at most six words of the same sentence, the number and its unit: "reduce load at X by 12.5 MW".
_ORDER = re.compile(
    rf"\b(?P<verb>{'|'.join(_VERBS)})\b(?P<words>(?:\s+(?!of\b|to\b)[^\s.;:]+(?:\.[^\s.;:]+)*){{0,6}}?)\s+(?P<to>to\s+)?"
    rf"(?P<limit>{_LIMIT})?"
    r"(?P<amount>(?:\d{1,3}(?:,\d{3})+|\d{1,7})(?:\.\d{1,6})?)\s*(?P<unit>MW|megawatts?|kW|kilowatts?)\b",
    re.I,
)
_REDUCTION = re.compile(r"\b(?:reductions?|curtailments?|shedding)\b", re.I)
_LOAD = re.compile(r"\b(?:load|demand|consumption|usage)\b", re.I)
_GENERATION = re.compile(r"\b(?:generation|generating|output|production|injections?)\b", re.I)
_AMOUNT = re.compile(r"((?:\d{1,3}(?:,\d{3})+|\d{1,7})(?:\.\d{1,6})?)\s*(MW|megawatts?|kW|kilowatts?)\b", re.I)
_NO_ACTION = re.compile(
    r"\b(?:take\s+no|no)\s+action\b|\bdo\s+not\s+(?:reduce|curtail|cut|shed|increase|raise)\b", re.I
)
_NEGATED = re.compile(r"\b(?:not|never|n't|longer)\s+$", re.I)
# "By 10 to 15 MW" is no level, and "1 000 MW" not nothing.
_NUMBER_BEFORE = re.compile(
    r"(?:^|\b(?:by|between|from))\s+(?:[a-z]+\s+){0,2}\d[\d.,]*\s*(?:[-–]|to|and|or)?\s*$", re.I
)
_TOLD = r"(?:so\s+)?(?:instructed|directed|requested|called|ordered|told|needed|necessary|required)\b"
_PERHAPS = re.compile(
    rf"\bif\b|\b(?:when|once|unless)\s+{_TOLD}|\b(?:may|might|could)\s+be\b|\bprepar(?:e|ed|ing)\b|\bready\s+to\b", re.I
)
_ONLY_IF = re.compile(rf"\b(?:if|when|once|unless|as)\s+(?:and\s+when\s+)?{_TOLD}", re.I)
_NEAR_CHARS = 200
_ORDERS_MAX = 20  # looked at closely
_RANGE = re.compile(r"(\d{1,2})\s*(?:-|to|through)\s*(\d{1,2})", re.I)
_OFFSETS = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "UTC": 0, "GMT": 0}
_PREVAILING = {"EPT": "America/New_York", "CPT": "America/Chicago"}
# After a time: by half days, or by a clock that is none of those.
_OTHER_CLOCK = re.compile(
    r"\s*\(?(?:[ap]\.?\s?m\b|(?:[ACHMP][SD]T|[CEMP]P?T)\b|local\s+time\b"
    r"|(?:Eastern|Central|Mountain|Pacific)\s+(?:Daylight|Prevailing|Time)\b|(?:Central|Mountain|Pacific)\s+Standard\b)",
    re.I,
)
_FROM = re.compile(rf"\beffective\s+(?:from\s+|at\s+)?{AT}", re.I)
_UNTIL = re.compile(rf"\buntil\s+{AT}", re.I)
_BY = re.compile(rf"\b(?:no\s+later\s+than|by)\s+{AT}", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a text says; None, "" or () for what it does not.

    `doubt`: why a person must read what it asks; `end_doubt`: whether it ends something. `drill`: it says that it is
    one; `names_drill`: it speaks of one, be it itself or another.
    """

    phase: Phase | None = None
    detail: str = ""
    ends: bool = False
    end_doubt: str = ""
    program: str = ""
    drill: bool = False
    names_drill: bool = False
    eea: int | None = None
    zones: tuple[Zone, ...] = ()
    resource: str = ""
    action: Action | None = None
    target_mw: float | None = None
    target_kind: TargetKind = TargetKind.RELATIVE
    until_released: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    due_at: datetime | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class _Order:
    action: Action
    target_mw: float
    kind: TargetKind


def read_text(text: str, clock: tzinfo = EST) -> Said:
    """`clock`: whose time it is where the text does not say."""
    whole, text = text, text[:READ_CHARS]
    plain = _UNTIL_RELEASED.sub(" ", text)
    orders = list(dict.fromkeys(_orders(plain)))
    ends, end_doubt = the_end(plain)
    phase, detail = _phase(plain, gravest=bool(end_doubt))
    order, doubt = _the_order(orders, bool(_NO_ACTION.search(plain)))
    if unsure := _order_doubt(plain):
        order, doubt = None, doubt or unsure
    if (ends or end_doubt) and orders:
        ends, doubt = False, "it speaks of an end and orders megawatts"
    if len(set(_amounts_with_orders(plain))) > 1:
        doubt = doubt or "it names several amounts"
    says_drill, names_drill = _drill(text, ends)
    resources = list(dict.fromkeys(RESOURCE.findall(text)))
    if len(resources) > 1 and order:
        doubt = doubt or "it names several resources"
    if len(whole) > READ_CHARS:
        doubt = doubt or f"it is longer than {READ_CHARS} characters"
    return Said(
        phase=phase,
        detail=detail,
        ends=ends,
        end_doubt=end_doubt,
        program=_program(text, detail),
        drill=says_drill,
        names_drill=names_drill,
        eea=_eea(text, gravest=bool(end_doubt)),
        zones=tuple(_zones(text)),
        resource=resources[0] if len(resources) == 1 else "",
        action=Action.NONE if not orders and _NO_ACTION.search(plain) else order.action if order else None,
        target_mw=order.target_mw if order else None,
        target_kind=order.kind if order else TargetKind.RELATIVE,
        until_released=bool(_UNTIL_RELEASED.search(text)),
        starts_at=_time(_FROM, text, clock),
        ends_at=_time(_UNTIL, text, clock),
        due_at=_time(_BY, text, clock),
        doubt=doubt,
    )


def _drill(text: str, ends: bool) -> tuple[bool, bool]:
    """Whether it says that it is a drill, and whether it speaks of one that it may be.

    A drill "is cancelled" in the drill of a cancellation, too: of a text that ends something nothing is left out.
    """
    denied = _NO_DRILL.sub(" ", text)
    left = denied if ends else _OTHER_DRILL.sub(" ", denied)
    return denied == text and bool(_SAYS_DRILL.search(left)), bool(_DRILL.search(left))


def _phase(text: str, *, gravest: bool) -> tuple[Phase | None, str]:
    """The phase with the issuer's own words for it: the one named first, or the gravest."""
    if steps := list(STEP.finditer(text)):
        step = max(steps, key=_gravity) if gravest else steps[0]
        kind = step[1].title()
        return Phase(kind.lower()), f"Max Gen {kind}" + (f" Step {step[2]}" if step[2] else "")
    if (eea := _eea(text, gravest=gravest)) is not None:
        return (Phase.EVENT if eea >= 2 else Phase.WARNING if eea else Phase.INFO), f"EEA {eea}"
    for pattern, words, phase in NOTICES:
        if pattern.search(text):
            return phase, words
    return None, ""


def _gravity(step: re.Match[str]) -> tuple[bool, str]:
    return step[1].title() == "Event", step[2] or ""


def _eea(text: str, *, gravest: bool) -> int | None:
    levels = [int(level) for level in EEA.findall(text)]
    return (max(levels) if gravest else levels[0]) if levels else None


def _program(text: str, detail: str) -> str:
    """The one that is dispatched, else the only one that is spoken of, else Max Gen itself."""
    if ordered := _PROGRAM_ORDER.search(text):
        return ordered[1].upper()
    spoken_of = [name for name, pattern in _PROGRAMS if pattern.search(text)]
    if len(spoken_of) == 1:
        return spoken_of[0]
    return "MAXGEN" if detail.startswith("Max Gen") else ""


def _ordered(text: str) -> Iterator[re.Match[str]]:
    for found in _ORDER.finditer(text):
        if not _NEGATED.search(text, max(0, found.start() - 20), found.start()):
            yield found


def _orders(text: str) -> Iterator[_Order]:
    for found in _ordered(text):
        target = _megawatts(found["amount"], found["unit"])
        action, reduction = _VERBS[found["verb"].lower()], bool(_REDUCTION.search(found["words"]))
        if action is Action.INCREASE_GEN and reduction:
            action = Action.REDUCE_LOAD  # "increase curtailment to 15 MW": so much is cut in all
        kind = TargetKind.ABSOLUTE if found["to"] and not reduction else TargetKind.RELATIVE
        if target is not None:
            yield _Order(action, target, kind)


def _order_doubt(text: str) -> str:
    """Why an order is not plainly to cut, raise or hold its amount; "" when all are."""
    ordered = list(islice(_ordered(text), _ORDERS_MAX + 1))
    if len(ordered) > _ORDERS_MAX:
        return "it orders several things"
    return next((doubt for found in ordered if (doubt := _how_much(found) or _unsure(found))), "")


def _how_much(found: re.Match[str]) -> str:
    """Why its amount is not plainly asked."""
    if found["limit"]:
        return "it names a limit and no amount"
    if _NUMBER_BEFORE.search(found["words"]):
        return "it names several amounts"
    return "it may be ordered only later" if _is_for_later(found) else ""


def _unsure(found: re.Match[str]) -> str:
    words = found["words"]
    action, reduction = _VERBS[found["verb"].lower()], bool(_REDUCTION.search(words))
    load, generation = bool(_LOAD.search(words)), bool(_GENERATION.search(words))
    if action is Action.INCREASE_GEN and reduction:
        return "" if found["to"] else "it raises a reduction, and not to how much"
    if action is Action.INCREASE_GEN and (load or not generation):
        return "it raises something, and not plainly generation"
    if action is Action.REDUCE_LOAD and (reduction or generation):
        return "it cuts something, and not plainly load"
    if action is Action.HOLD and load and not reduction:
        return "it holds a load, and not plainly a reduction"
    return ""


def _is_for_later(found: re.Match[str]) -> bool:
    """Its sentence prepares for it, or makes it depend on something."""
    text, first = found.string, max(0, found.start() - _NEAR_CHARS)
    begins = max((end.end() for end in SENTENCE_END.finditer(text, first, found.start())), default=first)
    ends = SENTENCE_END.search(text, found.end())
    last = min(found.end() + _NEAR_CHARS, ends.start() if ends else len(text))
    return bool(_PERHAPS.search(text, begins, found.start()) or _ONLY_IF.search(text, found.end(), last))


def _megawatts(amount: str, unit: str) -> float | None:
    return megawatts(amount, "kW" if unit[0] in "kK" else "MW")


def _amounts_with_orders(text: str) -> Iterator[float | None]:
    """What is ordered, and what else is named until the end of the sentence: "reduce 5 MW, then 20 MW"."""
    for match in _ORDER.finditer(text):
        end = SENTENCE_END.search(text, match.end())
        for amount, unit in _AMOUNT.findall(text, match.start("amount"), end.start() if end else len(text)):
            yield _megawatts(amount, unit)


def _the_order(orders: list[_Order], no_action: bool) -> tuple[_Order | None, str]:
    """The one thing that is asked, or why there is none. Holding what was reduced is no second order."""
    asked = [order for order in orders if order.action is not Action.HOLD]
    if any(order.target_mw not in {a.target_mw for a in asked} for order in orders) and asked:
        return None, "it names several amounts"
    candidates = asked or orders
    if len(candidates) > 1:
        return None, "it orders several things"
    if candidates and no_action:
        return None, "it orders megawatts and no action"
    return (candidates[0], "") if candidates else (None, "")


def _zones(text: str) -> Iterator[Zone]:
    codes: dict[int, None] = {}
    for listed in ZONE_LIST.finditer(text):
        numbers = listed[1]
        for first, last in _RANGE.findall(numbers):
            codes.update(dict.fromkeys(range(int(first), min(int(last), _ZONES_MAX) + 1)))
        codes.update(dict.fromkeys(int(number) for number in re.findall(r"\d{1,2}", numbers)))
    yield from (Zone(scheme=LRZ, code=str(code)) for code in sorted(codes))


def _clock(name: str) -> tzinfo:
    return ZoneInfo(_PREVAILING[name]) if name in _PREVAILING else timezone(timedelta(hours=_OFFSETS[name]))


def _time(pattern: re.Pattern[str], text: str, clock: tzinfo) -> datetime | None:
    found = pattern.search(text)
    if found is None or (found[6] is None and _OTHER_CLOCK.match(text, found.end())):
        return None
    month, day, year, hour, minute = (int(part) for part in found.groups()[:5])
    zone = _clock(found[6].upper()) if found[6] else clock
    try:
        at = datetime(year, month, day, hour % 24 if hour <= 24 else hour, minute, tzinfo=zone)
        return (at + timedelta(days=hour // 24)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
