"""How a source proves that a message is its own, and how much of it is taken: what the roster says of both."""

from dataclasses import dataclass
from enum import StrEnum


class Proof(StrEnum):
    """By what a message is known to be the source's."""

    KEY = "key"  # an upstream key, as bearer or as the password of HTTP basic
    STANDARD_WEBHOOKS = "standard-webhooks"  # https://www.standardwebhooks.com
    HMAC = "hmac"  # a header over the raw bytes of the body


class Algorithm(StrEnum):
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class Encoding(StrEnum):
    HEX = "hex"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """`secrets`: names of those the source signs with; two while one replaces the other. The setting has the secrets.

    `header`, `algorithm`, `encoding` and `prefix` are of a plain HMAC, as GitHub sends it by default. `addresses`: the
    networks it may send from, in CIDR; none: from anywhere.
    """

    by: Proof = Proof.KEY
    secrets: tuple[str, ...] = ()
    header: str = "x-hub-signature-256"
    algorithm: Algorithm = Algorithm.SHA256
    encoding: Encoding = Encoding.HEX
    prefix: str = "sha256="
    addresses: tuple[str, ...] = ()

    @property
    def signed(self) -> bool:
        return self.by is not Proof.KEY


BY_KEY = Trust()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many posts a second, and so many at once."""

    per_second: int
    burst: int


USUAL_RATE = Rate(per_second=50, burst=200)
NO_RATE = Rate(per_second=0, burst=0)  # as many as come
