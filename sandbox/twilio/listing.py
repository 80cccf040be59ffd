"""Lists as Twilio answers them: filtered, newest first, in pages."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from sandbox.twilio.errors import TwilioError

MAX_PAGE = 1000


class Order(Protocol):
    @property
    def to(self) -> str: ...
    @property
    def sender(self) -> str: ...


class Item(Protocol):
    """A call or a message."""

    @property
    def order(self) -> Order: ...
    @property
    def status(self) -> str: ...
    def resource(self) -> dict[str, Any]: ...


T = TypeVar("T", bound=Item)


def matching(items: Iterable[T], query: Mapping[str, str]) -> list[T]:
    """Return the items with the To, From and Status asked for, newest first."""
    wanted = {name: query[name] for name in ("To", "From", "Status") if query.get(name)}
    found = [item for item in items if all(_fields(item)[name] == value for name, value in wanted.items())]
    return found[::-1]


def within(at: datetime | None, query: Mapping[str, str], name: str) -> bool:
    """Tell whether `at` passes the filters `name`, `name<` and `name>`. What has no date yet passes none of them."""
    for suffix in ("", "<", ">"):
        value = query.get(name + suffix)
        if value and (at is None or not _passes(at, value, suffix)):
            return False
    return True


def page(path: str, name: str, items: Sequence[Item], query: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of `items` under `name`, with Twilio's links to the next and the previous."""
    size = min(_whole(query, "PageSize", 50) or 50, MAX_PAGE)
    number = _whole(query, "Page", 0)
    start = number * size
    shown = items[start : start + size]

    def uri(page_number: int) -> str:
        return f"{path}?{urlencode({**query, 'PageSize': size, 'Page': page_number})}"

    return {
        name: [item.resource() for item in shown],
        "page": number,
        "page_size": size,
        "start": start,
        "end": max(start + len(shown) - 1, start),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1) if start + size < len(items) else None,
        "previous_page_uri": uri(number - 1) if number > 0 else None,
    }


def _fields(item: Item) -> dict[str, str]:
    return {"To": item.order.to, "From": item.order.sender, "Status": item.status}


def _passes(at: datetime, value: str, suffix: str) -> bool:
    try:
        limit = datetime.fromisoformat(value)
    except ValueError:
        raise TwilioError(20001, f"not a date: {value}") from None
    limit = limit if limit.tzinfo else limit.replace(tzinfo=UTC)
    day = timedelta(days=1) if len(value) == len("2026-01-31") else timedelta(0)
    if suffix == "<":
        return at <= limit + day
    if suffix == ">":
        return at >= limit
    return limit <= at < limit + (day or timedelta(seconds=1))


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise TwilioError(20001, f"{name} must be a whole number")
    return int(text)
