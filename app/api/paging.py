"""Pages of lists: `?limit=&after=`, and `next` in the answer, null at the end."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import Query

T = TypeVar("T")

DEFAULT_LIMIT = 50
MAX_LIMIT = 500

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many at most")]
After = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]
# Rows named by UUIDv7, newest first.
AfterId = Annotated[str | None, Query(pattern=r"^[0-9a-f-]{36}$", description="`next` of the page before")]


class Page(NamedTuple):
    """`next` is the cursor of the following page, None when there is none."""

    items: list[Any]
    next: str | None


def page(items: Iterable[T], key: Callable[[T], str], limit: int, after: str | None) -> Page:
    """One page of what is in memory, in order of `key`, which no two share."""
    ordered = sorted(items, key=key)
    return first_of([item for item in ordered if after is None or key(item) > after], key, limit)


def first_of(items: list[T], key: Callable[[T], str], limit: int) -> Page:
    """The first `limit` of `items`, which has at least one more when there is a next page."""
    return Page(items[:limit], key(items[limit - 1]) if len(items) > limit else None)
