"""What Twilio checks before it takes a call or a message. Each check raises TwilioError."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sandbox.signing import Form
from sandbox.twilio.errors import REFUSED_CALLS, REFUSED_TEXTS, TwilioError

E164 = re.compile(r"\+[1-9]\d{6,14}")
CALLED = re.compile(E164.pattern + r"|client:[A-Za-z0-9_]{1,256}")
CALL_EVENTS = ("initiated", "ringing", "answered", "completed")
MAX_TWIML_CHARS = 4000
MAX_BODY_CHARS = 1600


@dataclass(frozen=True, slots=True)
class CallOrder:
    """A call somebody asked for, checked."""

    to: str
    sender: str
    twiml: str | None
    url: str | None
    status_url: str | None
    status_events: frozenset[str]
    ring_seconds: int
    limit_seconds: int
    detection: str | None
    detection_aside: bool
    detection_url: str | None


@dataclass(frozen=True, slots=True)
class TextOrder:
    """A message somebody asked for, checked."""

    to: str
    sender: str
    body: str
    status_url: str | None


def call_order(form: Form) -> CallOrder:
    """Return the call that a POST to Calls.json asks for."""
    fields = dict(form)
    to, sender = _to(fields, 21201, CALLED), _from(fields, 21213)
    _refuse(REFUSED_CALLS, to)
    twiml = _twiml(fields)
    url = None if twiml is not None else _url(fields, "Url", 21205)
    if twiml is None and url is None:
        raise TwilioError(21205, "Url parameter is required")
    asynchronous = fields.get("AsyncAmd", "").lower() == "true"
    return CallOrder(
        to=to,
        sender=sender,
        twiml=twiml,
        url=url,
        status_url=_url(fields, "StatusCallback", 21609),
        status_events=_events(form),
        ring_seconds=_number(fields, "Timeout", 60, 1, 600),
        limit_seconds=_number(fields, "TimeLimit", 14_400, 1, 86_400),
        detection=_detection(fields),
        detection_aside=asynchronous,
        detection_url=_url(fields, "AsyncAmdStatusCallback", 21609) if asynchronous else None,
    )


def text_order(form: Form) -> TextOrder:
    """Return the message that a POST to Messages.json asks for."""
    fields = dict(form)
    to, sender = _to(fields, 21604), _from(fields, 21603)
    _refuse(REFUSED_TEXTS, to)
    body = fields.get("Body", "")
    if not body:
        raise TwilioError(21602, "Message body is required.")
    if len(body) > MAX_BODY_CHARS:
        raise TwilioError(21617, "The concatenated message body exceeds the 1600 character limit.")
    _number(fields, "ValidityPeriod", 36_000, 1, 36_000)
    return TextOrder(to, sender, body, _url(fields, "StatusCallback", 21609))


def redirection(fields: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return (Twiml, Url) of an update; both None when it does not redirect."""
    twiml = _twiml(fields)
    return twiml, None if twiml is not None else _url(fields, "Url", 21205)


def _to(fields: Mapping[str, str], missing: int, allowed: re.Pattern[str] = E164) -> str:
    to = fields.get("To", "")
    if not to:
        raise TwilioError(missing, "A 'To' phone number is required.")
    if not allowed.fullmatch(to) or to == fields.get("From"):
        raise TwilioError(21211, f"The 'To' number {to} is not a valid phone number.")
    return to


def _from(fields: Mapping[str, str], missing: int) -> str:
    sender = fields.get("From") or fields.get("MessagingServiceSid", "")
    if not sender:
        raise TwilioError(missing, "A 'From' phone number is required.")
    if not E164.fullmatch(sender) and not sender.startswith("MG"):
        raise TwilioError(21212, f"The 'From' number {sender} is not a valid phone number.")
    return sender


def _refuse(refused: Mapping[str, TwilioError], to: str) -> None:
    if to in refused:
        error = refused[to]
        raise TwilioError(error.code, error.message, error.status)


def _twiml(fields: Mapping[str, str]) -> str | None:
    twiml = fields.get("Twiml") or None
    if twiml is not None and len(twiml) > MAX_TWIML_CHARS:
        raise TwilioError(21623, f"Twiml must be at most {MAX_TWIML_CHARS} characters")
    return twiml


def _url(fields: Mapping[str, str], name: str, code: int) -> str | None:
    url = fields.get(name) or None
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise TwilioError(code, f"{name} is not a valid URL: {url}")
    return url


def _events(form: Form) -> frozenset[str]:
    given = {word for key, value in form if key == "StatusCallbackEvent" for word in value.split()}
    if unknown := given.difference(CALL_EVENTS):
        raise TwilioError(21626, f"Invalid StatusCallbackEvent: {', '.join(sorted(unknown))}")
    return frozenset(given or {"completed"})


def _number(fields: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = fields.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise TwilioError(20001, f"{name} must be a whole number from {least} to {most}")
    return int(text)


def _detection(fields: Mapping[str, str]) -> str | None:
    detection = fields.get("MachineDetection") or None
    if detection not in (None, "Enable", "DetectMessageEnd"):
        raise TwilioError(20001, f"MachineDetection must be Enable or DetectMessageEnd, not {detection}")
    return None if "SendDigits" in fields else detection
