"""Whether a text says that something is over. A release that was none is worse than a person who has to read it.

Words of an end stand in many texts that end nothing: another notice is cancelled, outages are, reserves are released.
So a text ends what it speaks of only where that is one thing, nothing holds beside it, and a sentence says of it and
of nothing else that it is over.
"""

import re

from intake.grid_words import AT, EEA, NOTICES, RESOURCE, SENTENCE_END, STEP, ZONE_LIST

HOLDS = "it speaks of an end and of something that holds"
UNCLEAR = "it speaks of an end, and not plainly of what"

_END = re.compile(
    r"\b(?P<noun>Termination|Cancell?ation)\b"
    r"|\b(?:is|are)\s+(?:now\s+)?(?:being\s+)?(?:terminat|cancell?)(?:ing|ed)\b"
    r"|(?<!until )(?<!unless )(?<!when )(?<!once )(?<!if )\bMISO\s+(?:now\s+)?terminat(?:ed|es)\b"
    r"|\b(?:has|have)\s+(?:been\s+)?(?:terminated|cancell?ed)\b|\bcancell?ed\b"
    r"|\b(?:(?:are|is|has\s+been|have\s+been)|(?P<thing>event|warning|alert|resources))\s+(?P<released>released)\b",
    re.I,
)
_NOT_YET = re.compile(r"\b(?:not|never|before|prior\s+to|upon|after|notice\s+of)(?:\s+\w+){0,2}\s*$", re.I)
_LATER = re.compile(
    r"\b(?:expect|plan|schedul|anticipat|estimat)\w*|\b(?:will|may|might|could|should|pending|follows?)\b", re.I
)
_FOR_USE = re.compile(r"\s+(?:for|into|as|to(?!\s+(?:return|resume|normal)))\b", re.I)

_HOLDS = re.compile(
    r"\bdeclar(?:e|es|ed|ing)\b|\bremains?\b|\bcontinu(?:e|es|ed|ing)\b|\bstays?\b|\bstill\b|\bextend(?:s|ed|ing)\b"
    r"|(?<!no longer )\bin\s+(?:effect|force)\b|\b(?:except|excluding|partial(?:ly)?|but|in\s+part|other\s+than)\b"
    r"|(?<!not )(?<!to )\b(?:reduce|curtail|shed|hold|maintain)\b",
    re.I,
)
_DECLARATION = re.compile(r"\bDeclaration\b", re.I)
_KIND = re.compile(r"(?<!in the )\b(Event|Warning|Alert|Advisory)s?\b", re.I)
_STEP_NUMBER = re.compile(r"\bStep\s+(\d[a-c]?)\b", re.I)
_LEVEL_OF_IT = re.compile(rf"(\b(?:Event|Warning|Alert|Step\s+\d[a-c]?))\s*[(/]\s*{EEA.pattern}", re.I)

_THING = "|".join(
    (
        RESOURCE.pattern,
        STEP.pattern,
        EEA.pattern,
        *(pattern.pattern for pattern, _, _ in NOTICES),
        r"(?<!in the )\b(?:event|warning|alert|advisory|declaration|emergency|dispatch|deployment|instruction|order)\b",
        r"\b(?:EDR|LMR)s?\b|\b(?:Demand\s+Response|Load\s+Modifying)\b|\b(?:all|the|EDR|LMR)\s+(?:resources|participants)\b",
    )
)
_THINGS = re.compile(_THING, re.I)
_OBJECT = re.compile(
    rf"\s*[:–-]?\s*(?:of\s+)?(?:(?:the|this|its|all|an?)\s+)*(?:(?:{_THING})\s*)+"
    r"(?=$|[:,()]|(?:for|effective|in|at|as|and|issued|on|from|due|because)\b)",
    re.I,
)
# What may stand beside the thing: where, when and by whom.
_ASIDES = re.compile(
    rf"{ZONE_LIST.pattern}|\b(?:until\s+)?(?:{AT}|\d[\d:/.,]*)|\bas\s+of\b|\bMISO(?:'s)?(?:\s+region)?\b"
    r"|\b(?:the|this|its|all|an?|and|of|for|in|on|at|from|by|effective|immediately|now|today|issued|previously|following"
    r"|entities|entire|footprint|north|south|central|region|market|balancing|authority|area|reliability|coordinator"
    r"|resources?|participants?|EST|EDT|CST|CDT|UTC|GMT)\b",
    re.I,
)
_WORD = re.compile(r"\w")
_BREAK = re.compile(rf"{SENTENCE_END.pattern}|\n\s*\n")  # a line may end within a sentence, an empty one ends it
_BEFORE_CHARS = 500


def the_end(text: str) -> tuple[bool, str]:
    """Whether it is over, else why a person must read that. `text` is without until when something holds."""
    ends, others = list[tuple[str, re.Match[str]]](), list[str]()
    for sentence in _BREAK.split(text):
        if word := _end_word(sentence):
            ends.append((sentence, word))
        else:
            others.append(sentence)
    if not ends:
        return False, ""
    if _several(text) or _HOLDS.search(text) or any(map(_DECLARATION.search, others)):
        return False, HOLDS
    plain = any(_is_plain(sentence, word) for sentence, word in ends)
    return plain, "" if plain else UNCLEAR


def _end_word(sentence: str) -> re.Match[str] | None:
    for word in _END.finditer(sentence):
        if not _NOT_YET.search(sentence, max(0, word.start() - 60), word.start()):
            return word
    return None


def _several(text: str) -> bool:
    """It speaks of several steps, levels or notices. A mere "event" is the one whose step is named."""
    text = _LEVEL_OF_IT.sub(r"\1", text)
    levels = set(EEA.findall(text))
    text = EEA.sub(" ", text)
    kinds = {kind.lower() for kind in _KIND.findall(text)}
    numbers = {number.lower() for number in _STEP_NUMBER.findall(text)}
    notices = {words for pattern, words, _ in NOTICES if pattern.search(text) and "Advisory" not in words}
    return len(kinds) + len(levels) + len(notices) > 1 or len(numbers) > 1


def _is_plain(sentence: str, word: re.Match[str]) -> bool:
    """The sentence says of a step, a declaration or a dispatch that it is over, and speaks of nothing else before."""
    before, after = sentence[: word.start()], sentence[word.end() :]
    if len(before) > _BEFORE_CHARS or _WORD.search(_ASIDES.sub(" ", _THINGS.sub(" ", before))):
        return False
    if (word["noun"] and _LATER.search(after)) or (word["released"] and _FOR_USE.match(after)):
        return False
    return bool(word["thing"] or _THINGS.search(before) or _OBJECT.match(after))
