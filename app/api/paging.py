"""Pages of lists: `?limit=&after=`, and `next` in the answer, null at the end."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import Query

T = TypeVar("T")

DEFAULT_LIMIT = 50
MAX_LIMIT = 500

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many at most")]
After = Annotated[str | None, Query(max_length=2000, description="`next` of the page before")]
# Of a list whose order is its own: how many were told, and the id of the last one.
AfterPlace = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,6}[.][a-z0-9-]{1,63}$", description="`next` of the page before")
]
# Rows named by UUIDv7, newest first.
AfterId = Annotated[str | None, Query(pattern=r"^[0-9a-f-]{36}$", description="`next` of the page before")]


class Page(NamedTuple):
    """`next` is the cursor of the following page, None when there is none."""

    items: list[Any]
    next: str | None


def page(items: Iterable[T], key: Callable[[T], str], limit: int, after: str | None) -> Page:
    """One page of what is in memory, in order of `key`, which no two share. What is added meanwhile moves no page."""
    ordered = sorted(items, key=key)
    return first_of([item for item in ordered if after is None or key(item) > after], key, limit)


def page_as_listed(items: Sequence[T], name: Callable[[T], str], limit: int, after: str | None) -> Page:
    """One page of a list in its own order, by names that no two share.

    It goes on behind the one that was told last, wherever that stands now; when it is gone, where it stood.
    """
    start = 0
    if after is not None:
        told, _, last = after.partition(".")
        start = next((n for n, item in enumerate(items, start=1) if name(item) == last), int(told) - 1)
    end = max(start, 0) + limit
    shown = list(items[max(start, 0) : end])
    return Page(shown, f"{end}.{name(shown[-1])}" if end < len(items) else None)


def first_of(items: list[T], key: Callable[[T], str], limit: int) -> Page:
    """The first `limit` of `items`, which has at least one more when there is a next page."""
    return Page(items[:limit], key(items[limit - 1]) if len(items) > limit else None)
