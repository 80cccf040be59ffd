"""Text that can be stored and sent on: JSON can name half a surrogate pair, UTF-8 cannot."""

from typing import Annotated

from pydantic import AfterValidator


def _encodable(text: str) -> str:
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("text without half surrogate pairs was expected")
    return text


Text = Annotated[str, AfterValidator(_encodable)]
