"""Cuts a text into separate SMS that each fit one segment, numbered "(1/5 A)" at the end (vendors.md section 5.5).

The mark behind the number says which message a part belongs to. Without it the later parts of two events read alike: a
person cannot tell them apart, and neither can we when the vendor is asked which of them it has.
"""

from functools import cache

import gsm0338  # noqa: F401 - registers the codec gsm03.38

GSM_SEPTETS = 160
UCS2_UNITS = 70
MAX_PARTS = 5
_NUMBER = len(" (1/5)")
_ELLIPSIS = "..."
_FANCY = str.maketrans(
    {
        "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-",
        "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
        "‘": "'", "’": "'", "‚": "'", "`": "'", "´": "'",
        "…": "...", "•": "-", "·": "-", "\u00a0": " ", "\t": " ", "\u2009": " ", "\u202f": " ",
        "×": "x", "≤": "<=", "≥": ">=", "°": " deg ", "→": "->",
    }
)  # fmt: skip


def plain(text: str) -> str:
    """Fancy punctuation replaced by what GSM-7 has: one “ would cost more than half of every part."""
    return text.translate(_FANCY)


def septets(text: str) -> int | None:
    """The length in GSM-7 septets, None when a character is outside it."""
    try:
        return sum(map(_septets_of, text))
    except UnicodeEncodeError:
        return None


@cache
def _septets_of(character: str) -> int:
    """One or, behind an escape, two. Raises UnicodeEncodeError."""
    return len(character.encode("gsm03.38"))


def fits(text: str, reserved: int = 0) -> bool:
    """True when `text` and `reserved` more ordinary characters are one segment."""
    count = septets(text)
    if count is not None:
        return count + reserved <= GSM_SEPTETS
    return len(text.encode("utf-16-be", "replace")) // 2 + reserved <= UCS2_UNITS


def fits_as_part(text: str, mark: str = "") -> bool:
    """True when `text` is one segment with its number and `mark` behind it."""
    return fits(text, _NUMBER + (len(mark) + 1 if mark else 0))


def cut(text: str, mark: str = "") -> list[str]:
    """Pieces that fit as parts once stripped and that join back to `text` exactly; borders of words where possible.

    Characters are code points here, so neither a surrogate pair nor an escape pair is ever torn.
    """
    pieces = []
    while text:
        end = _longest(text, mark)
        pieces.append(text[:end])
        text = text[end:]
    return pieces


def split_sms(head: str, rest: str = "", tail: str = "", mark: str = "", link: str = "") -> tuple[str, ...]:
    """The texts to send, at most MAX_PARTS.

    One alone without a number when everything fits. Else `head` has the first part for itself (when it fits one),
    `rest` follows and is shortened with "..." when there is too much, and `tail` is last in any case. `mark` stands
    behind the number of each part. `link` is the very last thing, never torn, and takes nothing from the first part:
    where that cannot be, it is left out.
    """
    whole = " ".join(p for p in (head, rest, tail) if p)
    if fits(whole):
        if fits(_with(whole, link)) or not (fits_as_part(whole, mark) and fits_as_part(link, mark)):
            return (_with(whole, link) if fits(_with(whole, link)) else whole,)
        pieces = [whole]
    else:
        after = cut(" ".join(p for p in (rest, tail) if p), mark)
        pieces = [p.strip() for p in [*cut(head, mark), *after] if p.strip()]
    if len(pieces) > MAX_PARTS:
        pieces = [*pieces[: MAX_PARTS - 1], _shortened(pieces[MAX_PARTS - 1], tail, mark)]
    pieces = _linked(pieces, tail, mark, link)
    behind = f" {mark}" if mark else ""
    return tuple(f"{piece} ({n}/{len(pieces)}{behind})" for n, piece in enumerate(pieces, 1))


def fit_as_parts(head: str, rest: str, tail: str, mark: str) -> bool:
    """True when nothing of it has to be left out, and there is a part to spare for a link."""
    after = cut(" ".join(p for p in (rest, tail) if p), mark)
    return 1 + len(after) < MAX_PARTS


def _with(text: str, link: str) -> str:
    return f"{text} {link}".strip()


def _linked(pieces: list[str], tail: str, mark: str, link: str) -> list[str]:
    """With the link behind the last piece, or in a part of its own; the first piece is kept as it is."""
    if not link or not fits_as_part(link, mark):
        return pieces
    if len(pieces) > 1 and fits_as_part(_with(pieces[-1], link), mark):
        return [*pieces[:-1], _with(pieces[-1], link)]
    if len(pieces) < MAX_PARTS:
        return [*pieces, link]
    last = pieces[-1].removesuffix(tail).rstrip(" .")
    return [*pieces[:-1], _shortened(last, _with(tail, link), mark)]


def _longest(text: str, mark: str) -> int:
    """Where the longest piece ends; a space at the border stays with the piece before it."""
    if len(text) <= GSM_SEPTETS and fits_as_part(text, mark):
        return len(text)
    low, high = 1, min(len(text), GSM_SEPTETS)
    while low < high:  # what fits is never followed by something longer that does when it does not
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits_as_part(text[:middle], mark) else (low, middle - 1)
    if text[low] == " ":
        return low + 1
    border = text.rfind(" ", 0, low) + 1
    return border if border > low // 2 else low


def _shortened(piece: str, tail: str, mark: str) -> str:
    ending = f"{_ELLIPSIS} {tail}".strip()
    while piece and not fits_as_part(piece + ending, mark):
        piece = piece[:-1]
    return piece.rstrip() + ending
