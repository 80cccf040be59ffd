"""The one door: bytes of any format in, readings out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from intake import alertmanager, canonical, cap, mapping, miso_mui, openadr, pagerduty
from intake.counted import counted
from intake.format import Format, Results
from intake.problem import NotReadable, shortened, shown
from model.reading import Feed, Problem, Reading, Unreadable

# What a source's `format` in the roster may be. To add one: one file with a FORMAT, one line here.
FORMATS: Mapping[str, Format] = {
    "canonical": canonical.FORMAT,
    "cloudevents": canonical.FORMAT,
    "alertmanager": alertmanager.FORMAT,
    "cap": cap.FORMAT,
    "miso-mui": miso_mui.FORMAT,
    "openadr": openadr.FORMAT,
    "pagerduty": pagerduty.FORMAT,
    "mapping": mapping.FORMAT,
}
# Looked at when a body is nothing in its source's own format, so that what can be read that way takes no longer.
BY_MEDIA_TYPE: Mapping[str, Format] = {cap.MEDIA_TYPE: cap.FORMAT}


def read(body: bytes, headers: Mapping[str, str], feed: Feed, received_at: datetime) -> Results:
    """What `body` says: at least one Reading or Unreadable, in the body's order. Never raises.

    `headers` with lower-cased names. Aware `received_at` is for formats whose words depend on it.
    """
    found = _read(body, headers, feed, received_at)
    return found if feed.counted_by is None else tuple(counted(result, feed.counted_by) for result in found)


def _read(body: bytes, headers: Mapping[str, str], feed: Feed, received_at: datetime) -> Results:
    try:
        try:
            return FORMATS[feed.format].read(body, headers, feed, received_at)
        except NotReadable:
            other = BY_MEDIA_TYPE.get(headers.get("content-type", "").partition(";")[0].strip().lower())
            if other is None:
                raise
            return other.read(body, headers, feed, received_at)
    except NotReadable as error:
        return (Unreadable(problems=error.problems),)
    except Exception as error:
        return (Unreadable(problems=(_our_fault(feed, error),)),)


def answer(format_name: str, results: Sequence[Reading | Unreadable]) -> tuple[int, dict[str, Any] | None]:
    """What the sender of that format gets once `results` are durable: the HTTP status, and its body, None for ours."""
    known = FORMATS.get(format_name, canonical.FORMAT)
    status = known.accepted if any(isinstance(r, Reading) for r in results) else known.unreadable
    return status, known.answer(results) if known.answer else None


def _our_fault(feed: Feed, error: Exception) -> Problem:
    """Kept and told like any unreadable message: a fault of ours must not lose an event."""
    if feed.format not in FORMATS:
        return Problem(field="", found=f"format {shown(feed.format)}", expected=f"one of {', '.join(FORMATS)}")
    found = shortened(f"a fault of Gridcall: {type(error).__name__}: {error}")
    return Problem(field="", found=found, expected="a message like any other")
