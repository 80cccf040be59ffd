"""Codes that show whose a number or Slack user is: how many, how long, how often. Pure."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.security import hashed
from store.contacts import Contact

CODE_DIGITS = 6
CODE_AGE = timedelta(minutes=10)
TRIES = 5  # of each code
PAUSE = timedelta(seconds=60)  # between two codes to one address
CODES_A_DAY = 10  # to one address
_DAY = timedelta(days=1)


class Said(StrEnum):
    """What a code led to that somebody said back."""

    VERIFIED = "verified"
    WRONG = "wrong"
    NONE_OPEN = "none_open"  # none was sent, it is too old, or was tried too often


def new_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def wait(known: Contact, now: datetime) -> timedelta | None:
    """How long until another code may be sent there; None: it may be."""
    if known.sent_at is not None and now - known.sent_at < PAUSE:
        return known.sent_at + PAUSE - now
    if known.day_since is not None and now - known.day_since < _DAY and known.day_codes >= CODES_A_DAY:
        return known.day_since + _DAY - now
    return None


def sent(known: Contact, code: str, now: datetime) -> Contact:
    """The one before opens nothing any more. Who was verified stays so."""
    new_day = known.day_since is None or now - known.day_since >= _DAY
    return replace(
        known,
        code_sha256=_hashed(known, code),
        sent_at=now,
        tries_left=TRIES,
        day_since=now if new_day else known.day_since,
        day_codes=1 if new_day else known.day_codes + 1,
    )


def said(known: Contact, code: str, by: str, now: datetime) -> tuple[Contact, Said]:
    """One try less; the right code is good once."""
    open_until = known.sent_at + CODE_AGE if known.sent_at else now
    if known.code_sha256 is None or known.tries_left < 1 or open_until <= now:
        return known, Said.NONE_OPEN
    if secrets.compare_digest(known.code_sha256, _hashed(known, code)):
        return replace(known, code_sha256=None, verified_at=now, verified_by=by), Said.VERIFIED
    return replace(known, tries_left=known.tries_left - 1), Said.WRONG


def _hashed(known: Contact, code: str) -> str:
    return hashed(f"{known.address} {code}")
