"""The one door: bytes of any format in, readings out."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from intake import alertmanager, canonical
from intake.format import Format, Results
from intake.problem import NotReadable, shortened, shown
from model.reading import Feed, Problem, Reading, Unreadable

# To add a format: one file with a FORMAT, one line here (and its samples in tests/data/samples).
FORMATS: Mapping[str, Format] = {
    "alertmanager": alertmanager.FORMAT,
    "canonical": canonical.FORMAT,
    "cloudevents": canonical.FORMAT,
}


def read(body: bytes, headers: Mapping[str, str], feed: Feed, received_at: datetime) -> Results:
    """What `body` says: at least one Reading or Unreadable, in the body's order. Never raises.

    `headers` with lower-cased names. Aware `received_at` is for formats whose words depend on it.
    """
    try:
        return FORMATS[feed.format].read(body, headers, feed, received_at)
    except NotReadable as error:
        return (Unreadable(problems=error.problems),)
    except Exception as error:
        return (Unreadable(problems=(_our_fault(feed, error),)),)


def answer_status(feed_format: str, results: Iterable[Reading | Unreadable]) -> int:
    """The HTTP status the sender of that format gets once `results` are durable.

    202 when anything was readable, or when the sender would throw the message away on a 4xx; else 422.
    """
    known = FORMATS.get(feed_format)
    accepted = any(isinstance(result, Reading) for result in results)
    return 202 if accepted or (known is not None and known.drops_on_4xx) else 422


def _our_fault(feed: Feed, error: Exception) -> Problem:
    """Kept and told like any unreadable message: a fault of ours must not lose an event."""
    if feed.format not in FORMATS:
        return Problem(field="", found=f"format {shown(feed.format)}", expected=f"one of {', '.join(FORMATS)}")
    found = shortened(f"a fault of Gridcall: {type(error).__name__}: {error}")
    return Problem(field="", found=found, expected="a message like any other")
