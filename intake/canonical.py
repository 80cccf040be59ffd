"""Our own format: a canonical event, bare or as a CloudEvent, or a list of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from intake import cloudevents, strict_json
from intake.format import Format, Results
from intake.meaning import reading_of
from intake.problem import NotReadable, not_readable, path, shown
from intake.statement import is_identifier
from model.reading import Feed, Reading, Unreadable


def read(body: bytes, headers: Mapping[str, str], feed: Feed, received_at: datetime) -> Results:
    """One result per event in `body`, in order. Raises NotReadable when there is none to be seen."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if cloudevents.is_binary(headers, media_type):
        return (_binary(body, headers),)
    document = strict_json.parse(body)
    if isinstance(document.value, list):
        members = strict_json.members(document.value)
        return tuple(_member(document, m, path("", [i]), media_type) for i, m in enumerate(members))
    if media_type == cloudevents.BATCH:
        raise not_readable("", shown(document.part(document.value)), "a list of CloudEvents")
    return (_member(document, document.value, "", media_type),)


def _binary(body: bytes, headers: Mapping[str, str]) -> Reading | Unreadable:
    try:
        return cloudevents.read_binary(body, headers)
    except NotReadable as error:
        return Unreadable(problems=error.problems, event_id=_claimed_id({"subject": headers.get("ce-subject")}))


def _member(document: strict_json.Document, member: Any, where: str, media_type: str) -> Reading | Unreadable:
    try:
        document.part(member, where, depth=1 if where else 0)
        if cloudevents.is_envelope(member) or media_type in (cloudevents.STRUCTURED, cloudevents.BATCH):
            return cloudevents.read_structured(member, where)
        return reading_of(member, where)
    except NotReadable as error:
        return Unreadable(problems=error.problems, event_id=_claimed_id(member))


def _claimed_id(member: Any) -> str | None:
    """Which event an unreadable member says it is about, when that much can be seen."""
    if not isinstance(member, dict):
        return None
    data = member.get("data")
    inside = data.get("event_id") if isinstance(data, dict) else None
    candidates = (inside, member.get("event_id"), member.get("subject"))
    return next((value for value in candidates if is_identifier(value)), None)


FORMAT = Format(read=read)
