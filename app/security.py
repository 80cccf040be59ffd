"""Who is asking: bearer keys with a role, kept as hashes; and delivery ids that cannot be made up."""

import base64
import binascii
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.problems import Problem
from config.keys import Role
from model.canary import CANARY_SOURCE
from store.audit import Who
from store.rosters import KeyRow

_MAC_BYTES = 8
_SECRET_BYTES = 32
_PREFIX = 16  # hexadecimal digits of a hash
# How secrets made here begin: they are known by it when they turn up where they must not (app/logs.py).
KEY, LINK, PING = "gck_", "gcc_", "gcp_"
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key. An upstream speaks for its `source` only."""

    key_id: str
    role: Role
    source: str | None
    person: str | None

    def who(self) -> Who:
        """For the audit."""
        return Who(actor=f"key {self.key_id}", key_id=self.key_id, person=self.person)

    def may_read(self, source: str) -> bool:
        return self.role is not Role.UPSTREAM or self.source == source


def hashed(secret: str) -> str:
    """Keys are long and random: one SHA-256 is right for them (a password would need argon2)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret(begins: str) -> str:
    """One that nobody can guess; only its hash is kept."""
    return f"{begins}{secrets.token_urlsafe(_SECRET_BYTES)}"


class Refusal(StrEnum):
    """Why somebody is not let in; the label of a metric."""

    NO_KEY = "no_key"
    UNKNOWN_KEY = "unknown_key"
    EXPIRED_KEY = "expired_key"
    UNKNOWN_LINK = "unknown_link"
    NO_SIGNATURE = "no_signature"
    WRONG_SIGNATURE = "wrong_signature"
    OLD_SIGNATURE = "old_signature"
    WRONG_ADDRESS = "wrong_address"
    NOT_ALLOWED = "not_allowed"  # the key is right, and not for this
    TOO_MANY = "too_many"


class Unauthorized(Problem):
    """401, and why."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(401, "Not authorized", detail, headers={"WWW-Authenticate": "Bearer"})
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Entry:
    """A secret that opens, by its hash, and whose it is."""

    sha256: str
    caller: Caller
    until: datetime | None


class Keys:
    """The keys this process knows."""

    def __init__(self, rows: Iterable[KeyRow]) -> None:
        # By the beginning of the hash, so that the whole of it is compared in constant time.
        self._by_prefix = {entry.sha256[:_PREFIX]: entry for row in rows for entry in _entries(row)}

    def find(self, authorization: str | None, now: datetime) -> Entry:
        """Raises Unauthorized."""
        scheme, _, said = (authorization or "").partition(" ")
        is_basic = scheme.lower() == "basic"
        if not (is_basic or scheme.lower() == "bearer") or not said:
            raise Unauthorized(Refusal.NO_KEY, "no key was given: send 'Authorization: Bearer KEY'")
        user, secret = _user_and_password(said) if is_basic else ("", said.strip())
        sha256 = hashed(secret)
        entry = self._by_prefix.get(sha256[:_PREFIX])
        if entry is None or not hmac.compare_digest(entry.sha256, sha256):
            raise Unauthorized(Refusal.UNKNOWN_KEY, "the key is not known here")
        if is_basic and not _may_say_it_so(entry.caller, user):
            detail = "the password is a key, but not of that user: the user is the name of the key, or its source"
            raise Unauthorized(Refusal.UNKNOWN_KEY, detail)
        if entry.until is not None and entry.until <= now:
            detail = f"the secret of key {entry.caller.key_id} was good until {entry.until.isoformat()}"
            raise Unauthorized(Refusal.EXPIRED_KEY, detail)
        return entry


def _user_and_password(said: str) -> tuple[str, str]:
    """RFC 7617. Raises Unauthorized."""
    try:
        user, colon, password = base64.b64decode(said.strip(), validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        user = colon = password = ""
    if not colon:
        raise Unauthorized(Refusal.NO_KEY, "the credentials of 'Authorization: Basic' are not base64 of user:password")
    return user, password


def _may_say_it_so(caller: Caller, user: str) -> bool:
    """Only keys for sending: a browser adds a password by itself, to requests that somebody else's page makes too."""
    return caller.role is Role.UPSTREAM and user in (caller.key_id, caller.source)


def _entries(row: KeyRow) -> Iterator[Entry]:
    """The secret of a key; and the one before it, while both open."""
    caller = Caller(row.id, Role(row.role), row.source, row.person)
    yield Entry(row.sha256, caller, row.expires_at)
    if row.former_sha256 is not None and row.former_until is not None:
        until = min(row.former_until, row.expires_at or row.former_until)
        yield Entry(row.former_sha256, caller, until)


class DeliveryIds:
    """Ids as upstreams see them: a UUIDv7 and a short MAC (keyed BLAKE2, RFC 7693) with the installation's key.

    An id with a valid MAC was accepted here, even when no row of it can be read now.
    """

    def __init__(self, installation_key: bytes) -> None:
        self._key = hashlib.blake2b(installation_key, digest_size=32).digest()  # of any length

    def shown(self, delivery_id: str) -> str:
        return f"{delivery_id}-{self._mac(delivery_id)}"

    def parsed(self, shown: str) -> str | None:
        """The plain id, None when it is not one of ours."""
        delivery_id, _, mac = shown.rpartition("-")
        try:
            uuid.UUID(delivery_id)
        except ValueError:
            return None
        return delivery_id if hmac.compare_digest(mac.encode(), self._mac(delivery_id).encode()) else None

    def _mac(self, delivery_id: str) -> str:
        return hashlib.blake2b(delivery_id.encode(), key=self._key, digest_size=_MAC_BYTES).hexdigest()


class Proof:
    """Shows that it is this installation that answers, and that it answers now: who asks brings a number of its own."""

    def __init__(self, installation_key: bytes) -> None:
        self._key = hashlib.blake2b(installation_key, digest_size=32, person=b"it is us").digest()

    def of(self, nonce: str) -> str:
        return hashlib.blake2b(nonce.encode(), key=self._key, digest_size=32).hexdigest()


class CanaryKey:
    """Opens for messages by which Gridcall tries itself. Each process of the installation makes the same one."""

    caller = Caller(key_id="canary", role=Role.UPSTREAM, source=CANARY_SOURCE, person=None)

    def __init__(self, installation_key: bytes) -> None:
        key = hashlib.blake2b(installation_key, digest_size=32).digest()
        self.bearer = f"Bearer {KEY}{hashlib.blake2b(b'canary', key=key, digest_size=32).hexdigest()}"
        self._bytes = self.bearer.encode()

    def opens(self, authorization: str) -> bool:
        return hmac.compare_digest(authorization.encode(), self._bytes)


def without_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers fit for keeping: whoever reads the evidence learns no key."""
    return {name: value for name, value in headers.items() if name not in _CREDENTIALS}
