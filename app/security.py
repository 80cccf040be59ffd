"""Who is asking: bearer keys with a role, kept as hashes; and delivery ids that cannot be made up."""

import hashlib
import hmac
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.problems import Problem
from config.keys import Role
from store.rosters import KeyRow

_MAC_BYTES = 8
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key. An upstream speaks for its `source` only."""

    key_id: str
    role: Role
    source: str | None
    person: str | None

    def may_read(self, source: str) -> bool:
        return self.role is not Role.UPSTREAM or self.source == source


def hashed(secret: str) -> str:
    """Keys are long and random: one SHA-256 is right for them (a password would need argon2)."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Keys:
    """The keys this process knows, by hash."""

    def __init__(self, rows: Iterable[KeyRow]) -> None:
        self._by_hash = {row.sha256: Caller(row.id, Role(row.role), row.source, row.person) for row in rows}

    def caller(self, authorization: str | None) -> Caller:
        """Raises Problem 401 for no key or a wrong one."""
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise _unauthorized("no key was given: send 'Authorization: Bearer KEY'")
        caller = self._by_hash.get(hashed(secret.strip()))
        if caller is None:
            raise _unauthorized("the key is not known here")
        return caller


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "Not authorized", detail, headers={"WWW-Authenticate": "Bearer"})


def require(caller: Caller, *roles: Role) -> None:
    """Raises Problem 403 unless the caller has one of the roles."""
    if caller.role not in roles:
        wanted = " or ".join(roles)
        raise Problem(403, "Not allowed", f"key {caller.key_id} is {caller.role}; this needs {wanted}")


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


def without_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers fit for keeping: whoever reads the evidence learns no key."""
    return {name: value for name, value in headers.items() if name not in _CREDENTIALS}
