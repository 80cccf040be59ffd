"""Makes strangers' text harmless: what an issuer writes is read and heard, never executed."""

import re
import unicodedata

_PICTURES = 0x2190  # symbols from here on are pictures; below stand signs such as degree and trade mark
_DROPPED = frozenset({"Me", "Cn", "Co", "Cs", "Cf"})
_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_UNSPEAKABLE = re.compile(r"[<>{}\[\]|\\^~`*_#=@]+")
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,200}>")


def clean(text: str, chars: int = 1027) -> str:
    """One line without control characters, direction marks and pictures, at most `chars` long."""
    if not (text.isascii() and text.isprintable()):  # of what is both, everything is kept
        text = "".join(_kept(c) for c in unicodedata.normalize("NFC", text))
    return shorten(" ".join(text.split()), chars)


def shorten(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 3].rstrip() + "..."


def words(text: str, limit: int) -> str:
    """At most `limit` words as they are spoken: a sign between two may part them."""
    parts = str(for_voice(text)).split()
    if len(parts) <= limit:
        return " ".join(parts)
    more = ["and", "so", "on"] if limit > 6 else []
    return " ".join(parts[: limit - len(more)]) + (", " if more else "") + " ".join(more)


def for_slack(value: object) -> object:
    """Without mentions, links and commands: Slack reads them between < and >."""
    return value.translate(_SLACK) if isinstance(value, str) else value


def for_voice(value: object) -> object:
    """Without tags and signs that a machine would spell out."""
    if not isinstance(value, str):
        return value
    return " ".join(_UNSPEAKABLE.sub(" ", _TAG.sub(" ", value)).replace("&", " and ").split())


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cc" or category in ("Zl", "Zp"):
        return " "
    if category in _DROPPED or "\ufe00" <= character <= "\ufe0f":
        return ""
    return "" if category in ("So", "Sk") and ord(character) >= _PICTURES else character
