"""TwiML, the document that tells a call what to do: https://www.twilio.com/docs/voice/twiml."""

from dataclasses import dataclass
from xml.etree import ElementTree

MAX_DOCUMENT_CHARS = 64_000
MAX_LOOPS = 10


class TwimlError(ValueError):
    """Not TwiML, or a verb these stand-ins do not know."""


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str


@dataclass(frozen=True, slots=True)
class Gather:
    """Asks for keys while the nested verbs are spoken, and `timeout_seconds` after. `action` empty: the current URL."""

    prompts: tuple[Say | Pause, ...]
    action: str
    num_digits: int | None
    finish_on_key: str
    timeout_seconds: float
    action_on_empty: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A text sent back to whoever texted."""

    text: str


Verb = Say | Pause | Hangup | Redirect | Gather | Message


def parse(document: str) -> list[Verb]:
    """Return the verbs of a `<Response>`. Raises TwimlError."""
    if len(document) > MAX_DOCUMENT_CHARS:
        raise TwimlError("document too long")
    try:
        root = ElementTree.fromstring(document)  # noqa: S314  sent by the service under test; size bounded, expat guards
    except ElementTree.ParseError as error:
        raise TwimlError(f"not XML: {error}") from error
    if root.tag != "Response":
        raise TwimlError(f"root is {root.tag}, not Response")
    try:
        return [verb for element in root for verb in _verbs(element)]
    except ValueError as error:
        raise TwimlError(str(error)) from error


def _verbs(element: ElementTree.Element) -> list[Verb]:
    match element.tag:
        case "Say" | "Play" | "Pause":
            return list(_prompts(element))
        case "Gather":
            return [_gather(element)]
        case "Hangup" | "Reject":
            return [Hangup()]
        case "Redirect":
            return [Redirect(_text(element))]
        case "Message":
            return [Message(_text(element))]
        case other:
            raise TwimlError(f"unknown verb {other}")


def _prompts(element: ElementTree.Element) -> list[Say | Pause]:
    match element.tag:
        case "Say":
            loops = int(element.get("loop", "1")) or MAX_LOOPS
            return [Say(_text(element))] * min(loops, MAX_LOOPS)
        case "Play":
            return [Say(f"[plays {_text(element)}]")]
        case "Pause":
            return [Pause(float(element.get("length", "1")))]
        case other:
            raise TwimlError(f"{other} cannot be nested in Gather")


def _gather(element: ElementTree.Element) -> Gather:
    digits = element.get("numDigits")
    return Gather(
        prompts=tuple(prompt for child in element for prompt in _prompts(child)),
        action=element.get("action", ""),
        num_digits=None if digits is None else int(digits),
        finish_on_key=element.get("finishOnKey", "#"),
        timeout_seconds=float(element.get("timeout", "5")),
        action_on_empty=element.get("actionOnEmptyResult", "false") == "true",
    )


def _text(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())
