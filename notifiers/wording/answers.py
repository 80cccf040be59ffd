"""What we say back: to the key a person pressed, and to the text they sent."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from model.attempt import Words
from model.event import Event, EventStatus
from model.roster import Source
from notifiers.wording.facts import reference
from notifiers.wording.speech import count, digits


class SpokenAnswer(StrEnum):
    """What a pressed key led to."""

    ACCEPTED = "accepted"
    CANNOT = "cannot"
    PASSED = "passed"
    REPEAT = "repeat"
    NO_REPEAT = "no_repeat"  # the words cannot be looked up now
    INVALID = "invalid"
    OVER = "over"
    REPLACED = "replaced"  # the order has changed, and the new one is told
    RECEIVED = "received"  # stored for later, not yet counted
    REPEAT_MEGAWATTS = "repeat_megawatts"  # to be repeated back
    REPEAT_REFERENCE = "repeat_reference"
    REPEATED = "repeated"
    NOT_REPEATED = "not_repeated"
    NOT_KNOWN = "not_known"  # a database that lost its last commits does not know whom it called


SPOKEN_KEYS = (
    "To accept, press 1. If you cannot comply, press 2. To hear this again, press 3. For the next person, press 9."
)
NEXT = "The next person is called, if one is left and nobody has it."  # true whoever else there is
TOLD_ANEW = "The order has changed, and the new one is told to you at once."
DO_NOT_COUNT = "over, changed or answered"  # why an answer counts for some events of a call only
NO_KEY = "No key was pressed, so nobody counts as having accepted. Goodbye."


def spoken(kind: SpokenAnswer, detail: str = "", drill: bool = False) -> str:
    """The sentence spoken after a key. `detail`: for how many events, where to confirm as well, or why not."""
    sentence = {
        SpokenAnswer.ACCEPTED: f"You have accepted, and that counts. {detail} Goodbye.",
        SpokenAnswer.CANNOT: f"Noted: you cannot comply. {detail} {NEXT} To change, press 1 to accept.",
        SpokenAnswer.PASSED: f"Passed on. {detail} {NEXT} To accept after all, press 1.",
        SpokenAnswer.REPEAT: "",
        SpokenAnswer.NO_REPEAT: f"This cannot be repeated now. {SPOKEN_KEYS}",
        SpokenAnswer.INVALID: f"That key means nothing here. {SPOKEN_KEYS}",
        SpokenAnswer.OVER: f"{detail or 'This is over.'} Nothing to do. Goodbye.",
        SpokenAnswer.REPLACED: f"{detail} {TOLD_ANEW} Goodbye.",
        SpokenAnswer.RECEIVED: "Your answer has been received and will be counted in a moment. Goodbye.",
        SpokenAnswer.REPEAT_MEGAWATTS: f"{detail} Repeat it back: key in the megawatts, star for the point, "
        "then pound.",
        SpokenAnswer.REPEAT_REFERENCE: f"{detail} Repeat it back: key in the last three digits of the reference, "
        "then pound.",
        SpokenAnswer.REPEATED: f"Correct. You have accepted, and that counts. {detail} Goodbye.",
        SpokenAnswer.NOT_REPEATED: "You have accepted, and that counts. It was not repeated back: check the order. "
        f"{detail} Goodbye.",
        SpokenAnswer.NOT_KNOWN: f"This call is not known here, so nothing was counted. {detail} Goodbye.",
    }[kind]
    text = " ".join(sentence.split())
    return f"{text} This is a drill." if drill and text else text


def hung_up(reasons: Sequence[tuple[SpokenAnswer, str]], confirm: str = "", drill: bool = False) -> str:
    """Spoken before a call is ended. `reasons`: of each of its events what it has come to for who listens, and why.

    `confirm`: where to confirm as well what they have accepted.
    """
    said = {
        SpokenAnswer.ACCEPTED: f"You have accepted, and that counts. {confirm}",
        SpokenAnswer.CANNOT: "Noted: you cannot comply.",
        SpokenAnswer.REPLACED: TOLD_ANEW,
    }
    sentences = dict.fromkeys(said.get(kind) or f"{why[:1].upper()}{why[1:]}." for kind, why in reasons)
    over = all(kind is SpokenAnswer.OVER for kind, _ in reasons)
    ending = "There is nothing you have to do now. Goodbye." if over else "Goodbye."
    text = " ".join(" ".join([*sentences, ending]).split())
    return f"{text} This is a drill." if drill else text


def also_confirm(sources: Iterable[Source | None]) -> str:
    """Where else the issuer of what was accepted wants to know it, "" for nowhere."""
    names = dict.fromkeys(source.also_confirm for source in sources if source and source.also_confirm)
    return f"Also confirm in {' and '.join(names)}." if names else ""


def where_to_look(slack: bool, callback_number: str) -> str:
    """For who has heard of an order that we cannot say more about. `callback_number`: "" for none."""
    ways = [
        *(["look in Slack"] if slack else []),
        *([f"call back {digits(callback_number.lstrip('+'))}"] if callback_number else []),
    ]
    found = ", or ".join(ways) or "ask whoever runs Gridcall"
    return f"What you heard may still hold: {found}."


def how_many(counted: int, named: int) -> str:
    """For how many events of a call an answer counts; "" where it was about one."""
    if named == 1:
        return ""
    if counted == named:
        return f"That was for {count(named)} events."
    others = "other is" if named - counted == 1 else "others are"
    return f"That was for {count(counted)} of {count(named)} events: the {others} {DO_NOT_COUNT}."


class WrittenAnswer(StrEnum):
    """What an inbound text led to."""

    ACCEPTED = "accepted"
    CANNOT = "cannot"
    RECEIVED = "received"  # stored for later, not yet counted
    OVER = "over"
    REFUSED = "refused"  # it is about a revision that was replaced
    ALL = "all"  # more events than are said one by one
    UNCLEAR = "unclear"
    NO_CODES = "no_codes"  # no texts go to them, so they have none
    HELP = "help"
    STRANGER_IN_SLACK = "stranger_in_slack"
    NOT_KNOWN = "not_known"
    NOT_NOW = "not_now"


def ring_words(name: str) -> Words:
    """What is said to try whether somebody is reached: a test first and last, and nothing that could be an order."""
    prompt = (
        f"Test. This is a test of Gridcall, there is no event. {name}, press 1 to show that calls reach you. "
        "Save this number, and let it through at night. This was a test."
    )
    return Words(text=prompt, template="ring/1", payload={"prompt": prompt, "language": "en-US", "asks": True})


RING_CONFIRMED = "Thank you. Calls reach you. This was a test. Goodbye."


def code_words(code: str, minutes: int) -> Words:
    """A code that shows whose number or Slack user it is."""
    text = (
        f"Gridcall: {code} is the code that shows that alerts reach you here. It is good for {minutes} minutes. "
        "You did not ask for it? Tell whoever runs Gridcall."
    )
    return Words(text=text, template="code/1")


def written(kind: WrittenAnswer, named: str = "", detail: str = "") -> str:
    """The text sent back. `named`: "MISO EDR Ref 0007 r1"; `detail`: open codes, or what does not count and why."""
    sentence = {
        WrittenAnswer.ACCEPTED: f"Accepted: {named}. This counts. {detail}",
        WrittenAnswer.CANNOT: f"Noted, you cannot: {named}. {NEXT} {detail}",
        WrittenAnswer.RECEIVED: "Received. Your answer will be counted in a moment; till then you may be called again. "
        + detail,
        WrittenAnswer.OVER: f"{named}: {detail or 'it is over.'} Nothing to do.",
        WrittenAnswer.REFUSED: f"Not counted: {named}. {detail[:1].upper()}{detail[1:]}.",
        WrittenAnswer.ALL: f"Noted: your answer counts for {named} events. {detail}",
        WrittenAnswer.UNCLEAR: f"Not understood, nothing counted. {detail or 'Reply 1 and the code, e.g. 1A, or 2A.'}",
        WrittenAnswer.NO_CODES: "Not counted: you get no texts from Gridcall, so there is no code to answer with. "
        "Press a key in the call.",
        WrittenAnswer.STRANGER_IN_SLACK: "You are not in Gridcall's roster, so nothing counted. Ask an admin.",
        WrittenAnswer.NOT_KNOWN: f"That message is not known here any more. {detail}",
        WrittenAnswer.NOT_NOW: "Gridcall cannot look that up now. Who is called is called all the same.",
        WrittenAnswer.HELP: "Gridcall on-call alerts. Reply 1 and the code to accept, 2 and the code if you cannot, "
        "STOP to get no more texts.",
    }[kind]
    return " ".join(sentence.split())


def not_counted(event: Event, revision: int, refused: str = "") -> str:
    """What is written to who answered what is over, or a revision that was `refused` for this reason."""
    if event.status is EventStatus.OPEN:
        return written(WrittenAnswer.REFUSED, order_named(event, revision), refused)
    over = "it was cancelled." if event.status is EventStatus.CANCELLED else "it is over."
    return written(WrittenAnswer.OVER, order_named(event, revision), over)


def order_named(event: Event, revision: int) -> str:
    """MISO EDR Ref 0007 r1"""
    who = " ".join(part for part in (event.content.issuer, event.content.program) if part)
    return f"{who} Ref {reference(event.event_id)} r{revision}".strip()
