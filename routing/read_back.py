"""Whether an acceptance is to be repeated back, and whether it was: what NERC's three-part communication asks. Pure."""

from dataclasses import dataclass

from model.event import Content
from model.roster import ReadBack

TRIES = 2
_LAST_DIGITS = 3
POINT = "*"  # the key for a decimal point


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be keyed in. `digits`: as on a phone, with the star for the point."""

    what: ReadBack
    digits: str


def asked(wish: ReadBack, content: Content, reference: str) -> Asked | None:
    """What a policy's wish comes to for this order; None where it names nothing that could be keyed in.

    An order without megawatts is repeated by its reference, a reference without digits by the megawatts.
    """
    if wish is ReadBack.OFF:
        return None
    found = {ReadBack.MEGAWATTS: _megawatts(content), ReadBack.REFERENCE: _last_digits(reference)}
    order = sorted(found, key=lambda what: what is not wish)
    return next((Asked(what, found[what]) for what in order if found[what]), None)


def right(asked: Asked, keyed: str) -> bool:
    """Whether these keys are it: 12*5 and 12*50 are 12.5; so is 125, as many forget the point."""
    keyed = keyed.rstrip("#")
    if asked.what is ReadBack.REFERENCE or POINT not in keyed:
        return keyed == asked.digits.replace(POINT, "")
    return _number(keyed) == _number(asked.digits)


def _megawatts(content: Content) -> str:
    target = content.target_mw
    return f"{target:.3f}".rstrip("0").rstrip(".").replace(".", POINT) if target else ""


def _last_digits(reference: str) -> str:
    digits = reference[-_LAST_DIGITS:]
    return digits if len(digits) == _LAST_DIGITS and digits.isascii() and digits.isdigit() else ""


def _number(keyed: str) -> float | None:
    whole, _, part = keyed.partition(POINT)
    return float(f"{whole or 0}.{part or 0}") if (whole + part).isdigit() else None
