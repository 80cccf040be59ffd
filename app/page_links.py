"""The address of an operator's page: it names the event, and the person by a signature; nothing is stored."""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from model.event import EndKind, Event

PATH = "/e/"
LIFE = timedelta(hours=24)  # after the event's end
_MAC_BYTES = 10
_EVENT_BYTES = 16
# A fourth of the last character says nothing: it is never a sign that a phone would leave out of a link.
TOKEN_CHARS = 35


class Opened(NamedTuple):
    """Whose page of which event an address opens."""

    event_pk: str
    person: str


class PageLinks:
    """Signed with the installation's key (keyed BLAKE2, RFC 7693): the same in every process, good for no other event.

    `public_url` None, or one without TLS: no address is made, since it would not open on a phone, or would be read on
    its way. Those that are known are opened all the same.
    """

    def __init__(self, installation_key: bytes, public_url: str | None) -> None:
        self._key = hashlib.blake2b(installation_key, digest_size=32, person=b"operators page").digest()
        self._base = f"{public_url}{PATH}" if public_url and public_url.startswith("https://") else None

    def address(self, event_pk: str, person: str) -> str:
        """ "https://gridcall.example/e/…", "" where none is made."""
        return f"{self._base}{self.token(event_pk, person)}" if self._base else ""

    def token(self, event_pk: str, person: str) -> str:
        event = uuid.UUID(event_pk).bytes
        return base64.urlsafe_b64encode(event + self._mac(event, person)).decode().rstrip("=")

    def opened(self, token: str, people: Iterable[str]) -> Opened | None:
        """None for what was not made here, or for somebody who is not among `people`."""
        if len(token) != TOKEN_CHARS or not token.isascii():
            return None
        try:
            raw = base64.b64decode(token + "=", altchars=b"-_", validate=True)
        except ValueError:
            return None
        event, mac = raw[:_EVENT_BYTES], raw[_EVENT_BYTES:]
        # Of everybody the same is computed and compared, so that time tells nothing of whose it is.
        whose = [person for person in people if hmac.compare_digest(self._mac(event, person), mac)]
        return Opened(str(uuid.UUID(bytes=event)), whose[0]) if whose else None

    def _mac(self, event: bytes, person: str) -> bytes:
        return hashlib.blake2b(event + person.encode(), key=self._key, digest_size=_MAC_BYTES).digest()


def expired(event: Event, now: datetime) -> bool:
    """A day after it was ended, or after the end that was set when it began."""
    content = event.content
    planned = content.ends_at if content.end_kind is EndKind.SCHEDULED else None
    ended_at = event.closed_at or planned
    return ended_at is not None and ended_at + LIFE <= now
