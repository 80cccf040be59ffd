"""The key by which a sender says that what comes again is one and the same message."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta

KEPT = timedelta(days=7)
KEY_CHARS = 200


def key_of(headers: Mapping[str, str]) -> str | None:
    """`Idempotency-Key`, else `webhook-id`; by its hash where it is longer or odd. None when it says neither.

    `headers` with lower-cased names.
    """
    said = (headers.get("idempotency-key") or headers.get("webhook-id") or "").strip()
    if len(said) <= KEY_CHARS and said.isprintable():
        return said or None
    hashed = hashlib.sha256(said.encode(errors="surrogatepass"))
    return f"sha256:{hashed.hexdigest()}"
