"""MISO's history of what it has sent us: how it is asked for, and what an answer holds. Pure.

From the public description of MUI 2.0 (notifications 3.3.0): an answer is a list of rows, `requestPayload` is the
body that was posted to us, with `test` as a boolean.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any, NamedTuple
from urllib.parse import quote

from model.errors import Unreached
from model.upstream import History

EST = timezone(timedelta(hours=-5))  # MISO's clock, all year
KINDS = ("emergency-notification", "contingency-reserve")
PAGE = 100
MOST_PAGES = 20  # of one question
OVERLAP = timedelta(minutes=10)  # what comes twice is known as a duplicate
FIRST = timedelta(hours=1)  # so far back the first question goes
FURTHEST = timedelta(hours=24)


class Question(NamedTuple):
    """One request; `page` from 0."""

    path: str
    query: Mapping[str, str]
    page: int = 0


def since(asked_until: datetime | None, now: datetime) -> datetime:
    """From when on to ask: where the last answer ended, not further back than what anybody can still act on."""
    return max(asked_until - OVERLAP, now - FURTHEST) if asked_until else now - FIRST


def questions(history: History, begin: datetime, now: datetime) -> Iterator[Question]:
    """For each kind and each of the market's days, which are those of its clock."""
    day, last = begin.astimezone(EST).date(), now.astimezone(EST).date()
    while day <= last:
        for kind in KINDS:
            yield Question(_path(history, day, kind), _query(kind, begin, day))
        day += timedelta(days=1)


def _path(history: History, day: date, kind: str) -> str:
    base, participant = history.url.rstrip("/"), quote(history.participant, safe="")
    return f"{base}/markets/notifications/{day:%Y-%m-%d}/{kind}/participants/{participant}/messages"


def _query(kind: str, begin: datetime, day: date) -> Mapping[str, str]:
    local = begin.astimezone(EST)
    start = local if local.date() == day else datetime(day.year, day.month, day.day, tzinfo=EST)
    realm = {"realm": "Both"} if kind == "emergency-notification" else {}  # otherwise the public ones alone
    return {"since": start.isoformat(timespec="seconds"), "size": str(PAGE), "sort": "created:asc", **realm}


def following(question: Question, rows: int) -> Question | None:
    """The next page, when this one was full."""
    more = rows >= PAGE and question.page + 1 < MOST_PAGES
    return question._replace(page=question.page + 1) if more else None


def posted(answer: bytes) -> tuple[Sequence[bytes], int]:
    """The bodies as they were posted to us, oldest first, and how many rows there were. Raises Unreached."""
    try:
        rows = json.loads(answer)
    except (ValueError, RecursionError):
        rows = None
    if not isinstance(rows, list):
        raise Unreached("the history is no list of notifications")
    known = [row for row in rows if isinstance(row, dict) and isinstance(row.get("requestPayload"), dict)]
    known.sort(key=lambda row: str(row.get("created", "")))
    return [_body(row["requestPayload"]) for row in known], len(rows)


def _body(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
