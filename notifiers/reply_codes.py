"""What a texted answer means: "1A", "2 a", "ACK", "1*", "1A=ACK", HELP, STOP. Anything doubtful is no answer."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from model.ids import CODE_LETTERS
from model.reply import Answer

Keyword = Literal["help", "stop"]

_ACKNOWLEDGE = frozenset({"1", "ACK", "ACKNOWLEDGE", "ACCEPT", "ACCEPTED", "YES", "Y"})
_CANNOT = frozenset({"2", "CANNOT", "CANT", "CAN'T", "NO", "N", "DECLINE"})
# The words at which Twilio itself stops or helps.
_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
_HELP = frozenset({"HELP", "INFO", "?"})
_ALL = frozenset({"*", "ALL"})
_CODE = f"[{CODE_LETTERS}]{{1,4}}"
# With a word before or behind, as the text that asks shows it: "1A=ACK", "accept 1A". It must say the same.
_DIGIT_REPLY = re.compile(
    rf"(?:(?P<before>[A-Z']+)[\s.:=-]+)?(?P<answer>[12])[\s.:=-]*(?P<which>{_CODE}|\*|ALL)?"
    r"(?:\s*=\s*(?P<behind>[A-Z']+))?(?:[\s.,!]+(?:THANKS|THANK YOU|THX))?"
)
_WORD_REPLY = re.compile(rf"(?P<answer>[A-Z']+)(?:[\s.:=-]+(?P<which>{_CODE}|ALL)|[\s.:=-]*(?P<star>\*))?")
_SIGNATURE = re.compile(r"\n\s*(?:--\s*\n|SENT FROM |GET OUTLOOK ).*", re.IGNORECASE | re.DOTALL)
_AROUND = "\"'.!()\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}"
_LONGEST = 40  # whoever writes more is telling something, not answering


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedReply:
    """`code` None: none was given. `all`: everything open is meant. `keyword`: not an answer but HELP or STOP."""

    answer: Answer | None = None
    code: str | None = None
    all: bool = False
    keyword: Keyword | None = None


def parse_reply(body: str) -> ParsedReply:
    """Read an inbound text. A text that is not wholly an answer is none."""
    text = _SIGNATURE.sub("", unicodedata.normalize("NFKC", body[:1600]).replace("’", "'").strip())
    text = text.strip().strip(_AROUND).strip().upper()
    if text in _STOP:
        return ParsedReply(keyword="stop")
    if text in _HELP:
        return ParsedReply(keyword="help")
    if len(text) > _LONGEST:
        return ParsedReply()
    match = _DIGIT_REPLY.fullmatch(text) or _WORD_REPLY.fullmatch(text)
    if match is None:
        return ParsedReply()
    said = match.groupdict()
    answers = {_answer(said[part]) for part in ("before", "answer", "behind") if said.get(part)}
    answer = answers.pop() if len(answers) == 1 else None
    if answer is None:
        return ParsedReply()
    which = said["which"] or said.get("star")
    return ParsedReply(answer=answer, code=None if which in _ALL else which, all=which in _ALL)


def _answer(word: str) -> Answer | None:
    if word in _ACKNOWLEDGE:
        return Answer.ACKNOWLEDGE
    return Answer.CANNOT_COMPLY if word in _CANNOT else None
