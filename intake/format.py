"""What a format is: how it is read, and what its sender does with our answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from model.reading import Feed, Reading, Unreadable

Results = tuple[Reading | Unreadable, ...]
# (body, headers with lower-cased names, feed, received_at). Raises NotReadable when nothing of the body can be read.
Reader = Callable[[bytes, Mapping[str, str], Feed, datetime], Results]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """`drops_on_4xx`: its sender throws the message away on any 4xx, so it never gets 422 or 429."""

    read: Reader
    drops_on_4xx: bool = False
