"""What all routes that change the roster share: who may, why, what can go wrong, what is answered."""

from typing import Annotated, Any

from fastapi import Body, Depends, Query
from pydantic import AfterValidator

from app.problems import MEDIA_TYPE, Problem, refused
from app.roster_diff import fingerprint
from app.roster_saving import Why

MAX_REASON_CHARS = 500


def one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("one line of printable text was expected")
    return text.strip()  # a blank is no reason


Reason = Annotated[
    str, AfterValidator(one_line), Query(max_length=MAX_REASON_CHARS, description="Why; kept in the audit")
]
AcceptGaps = Annotated[bool, Query(description="Also if somebody will be missing, or in two places; give a reason")]


async def _why(reason: Reason = "", accept_gaps: AcceptGaps = False) -> Why:
    if accept_gaps and not reason:
        raise refused([("query.reason", "why gaps are accepted")])
    return Why(reason=reason, accept_gaps=accept_gaps)


WhyDep = Annotated[Why, Depends(_why)]
# Read by the roster file's own reader, which knows the fields and says what is wrong with them.
Entry = Annotated[dict[str, Any], Body(description="As the entry in the roster file (docs/roster.md)")]

_WHY = {
    400: "The body is no JSON",
    401: "No key, or a wrong one",
    403: "Not for keys of this role",
    404: "Not in the roster",
    409: "Something that stays depends on it, or somebody would be missing, or in two places",
    412: "Changed meanwhile",
    422: "Cannot be read: `errors` names the fields",
    428: "If-Match is missing",
    503: "Not available now",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"description": _WHY[status], "content": {MEDIA_TYPE: {}}} for status in statuses}


def named(body: dict[str, Any], **by_path: str) -> dict[str, Any]:
    """The entry with what the path says of it. Raises Problem 422 where both say something, and not the same."""
    for field, value in by_path.items():
        if body.get(field, value) != value:
            raise refused([(f"body.{field}", f"{value}, as in the path, or nothing")])
    return body | by_path


def etag(entry: Any) -> str:
    """Of an entry: it is another one as soon as it says something else."""
    return f'"{fingerprint(entry)}"'


def version_etag(version: int) -> str:
    """Of the whole roster, and of the keys: other keys make another version."""
    return f'"{version}"'


def unknown(what: str, name: str) -> Problem:
    return Problem(404, f"No such {what}", f"{what} {name} is not in the roster")
