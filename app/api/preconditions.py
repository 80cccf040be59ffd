"""`ETag` and `If-Match` (RFC 9110): who changes something says which one they saw."""

from typing import Annotated

from fastapi import Header

from app.problems import Problem

IfMatch = Annotated[
    str | None, Header(max_length=1000, description="The `ETag` of what is changed, as it was read; `*` for any")
]


def check(if_match: str | None, etag: str | None) -> None:
    """`etag` None: there is nothing yet. Raises Problem 428 for a change without If-Match, 412 for a lost race."""
    if if_match is None and etag is not None:
        raise Problem(428, "If-Match is missing", f"read it first, and send If-Match: {etag}")
    if if_match is not None and not _matches(if_match, etag):
        found = f"its ETag is {etag} now" if etag else "it is not there"
        raise Problem(412, "Changed meanwhile", f"{found}: read it again, and decide again")


def check_if_sent(if_match: str | None, etag: str | None) -> None:
    """Of what is made anew rather than changed: nobody must have read it before. Raises Problem 412."""
    if if_match is not None:
        check(if_match, etag)


def _matches(if_match: str, etag: str | None) -> bool:
    # Proxies that compress an answer put W/ before its tag, and clients send back what they got. RFC 9110 takes none of
    # these, as they may stand for other bytes; ours stand for what is said, and that is what a change depends on.
    wanted = [tag.strip().removeprefix("W/") for tag in if_match.split(",")]
    return etag is not None and (etag in wanted or "*" in wanted)
