"""Whether a message bears the signature of its source, over the bytes as they came. No I/O."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Self

from app.security import Refusal, Unauthorized
from model.trust import Encoding, Proof, Trust

TOLERANCE = timedelta(minutes=5)  # as Standard Webhooks says; it goes both ways
_MARK = "whsec_"  # before a secret of Standard Webhooks, which is base64
_SECONDS_DIGITS = 11  # until the year 5138


def usable(trust: Trust, secrets: Mapping[str, str]) -> dict[str, bytes]:
    """The trust's keys by the names of their secrets; those that are not set, or cannot be such a key, are left out."""
    found = {name: _key(trust, secrets[name]) for name in trust.secrets if name in secrets}
    return {name: key for name, key in found.items() if key}


class Signature:
    """What a message says of who signed it, and the bytes that it came with, as they come.

    `headers` with lower-cased names. Raises Unauthorized where they name no signature, or an old one.
    """

    def __init__(self, trust: Trust, keys: Mapping[str, bytes], headers: Mapping[str, str], now: datetime) -> None:
        if trust.by is Proof.HMAC:
            self._given, head, algorithm = _plain(trust, headers), b"", str(trust.algorithm)
        else:
            self._given, head, algorithm = _standard(headers, now), _head(headers), "sha256"
        self._made = {name: hmac.new(key, head, algorithm) for name, key in keys.items()}

    def take(self, part: bytes) -> Self:
        """The next bytes of the body."""
        for made in self._made.values():
            made.update(part)
        return self

    def signer(self) -> str:
        """The name of the key that signed all that was taken, any of them will do. Raises Unauthorized."""
        for name, made in self._made.items():
            digest = made.digest()
            if any(hmac.compare_digest(digest, one) for one in self._given):
                return name
        raise Unauthorized(Refusal.WRONG_SIGNATURE, "the signature is not that of the source over these very bytes")


def _key(trust: Trust, secret: str) -> bytes:
    return secret.encode() if trust.by is Proof.HMAC else _decoded(secret.removeprefix(_MARK), Encoding.BASE64)


def _plain(trust: Trust, headers: Mapping[str, str]) -> list[bytes]:
    if not (written := headers.get(trust.header, "")):
        raise _missing(trust.header)
    return [_decoded(written.removeprefix(trust.prefix), trust.encoding)] if written.startswith(trust.prefix) else []


def _standard(headers: Mapping[str, str], now: datetime) -> list[bytes]:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    if missing := [name for name in names if not headers.get(name)]:
        raise _missing(*missing)
    written = headers["webhook-timestamp"]
    if not (written.isascii() and written.isdigit() and len(written) <= _SECONDS_DIGITS):
        raise Unauthorized(Refusal.OLD_SIGNATURE, "webhook-timestamp is no whole number of seconds since 1970")
    age = now - datetime.fromtimestamp(int(written), UTC)
    if abs(age) > TOLERANCE:
        side = "ago" if age > timedelta(0) else "ahead"
        detail = f"the signature was made {abs(age).total_seconds():.0f} s {side}, and {TOLERANCE.seconds} are allowed"
        raise Unauthorized(Refusal.OLD_SIGNATURE, detail)
    signatures = headers["webhook-signature"].split(" ")
    return [_decoded(one.removeprefix("v1,"), Encoding.BASE64) for one in signatures if one.startswith("v1,")]


def _head(headers: Mapping[str, str]) -> bytes:
    """What is signed before the body."""
    return f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode("latin-1")


def _missing(*headers: str) -> Unauthorized:
    return Unauthorized(Refusal.NO_SIGNATURE, f"the source signs what it sends, and there is no {', '.join(headers)}")


def _decoded(text: str, encoding: Encoding) -> bytes:
    """Empty, which nothing fits, for what is not of that encoding."""
    try:
        return bytes.fromhex(text) if encoding is Encoding.HEX else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
