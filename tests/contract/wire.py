"""What goes over the wire between us and the stand-ins, held against the vendors' own API descriptions.

A check takes openapi-core 4 to 19 ms, and stories send thousands of requests that differ in nothing a description looks
at. So each *shape* is checked once: fields, types, and for every value whether it keeps each rule that the description
has for a field of that name. What differs in any of these is another shape.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HOSTS = {
    "twilio": ("/twilio", "https://api.twilio.com"),
    "slack": ("/slack", "https://slack.com"),
    "pagerduty": ("/pagerduty", "https://events.pagerduty.com"),
}
PRESSES = frozenset(
    {"/slack/press", "/slack/submit", "/slack/command", "/pagerduty/press"}
)  # not the vendors': how a test presses a button
FILES = {
    "twilio": "twilio_api_v2010.patched.json",
    "slack": "slack_web_api.patched.json",
    "pagerduty": "pagerduty_events_v2.patched.json",
}
WEBHOOKS = ("pagerduty_webhook_v3.schema.json", "/callbacks/pagerduty")
# What the vendors do offer, and the descriptions we have were cut without.
BESIDE = frozenset(
    {
        "slack GET /conversations.replies",
        "slack GET /conversations.info",
        "slack POST /apps.connections.open",
        "twilio GET .json",
        "twilio GET /Balance.json",
        "twilio GET /IncomingPhoneNumbers.json",
        "twilio GET /OutgoingCallerIds.json",
    }
)
TWILIO_ACCOUNT = re.compile(r"^/2010-04-01/Accounts/AC[0-9a-f]{32}")
METHODS = frozenset({"get", "post", "put", "delete"})
RULES = frozenset(
    {"enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "format", "type", "minItems", "maxItems"}
)
# Slack's ids have nine characters and more. Those of the demo's roster are short, to be read in stories.
SHORT_ID = re.compile(rb"""(?<=["=])[CDGUW][A-Z0-9]{1,7}(?=["&]|$)""")
SLACK_ID_CHARS = 9
BROKEN_STATUS = 500


def described(folder: Path, vendor: str) -> Any:
    """A vendor's description as its file says it, but for what the vendor's own words have against it.

    Slack's wants one message at least in every history; its page of the method says "up to" so many between two
    instants, and where none lies there are none.
    """
    document = json.loads((folder / FILES[vendor]).read_text(encoding="utf-8"))
    if vendor == "slack":
        answer = document["paths"]["/conversations.history"]["get"]["responses"]["200"]["content"]["application/json"]
        del answer["schema"]["anyOf"][0]["properties"]["messages"]["minItems"]
    return document


@dataclass
class Exchange:
    """One request and its answer, as they went over the wire. `status` 0: there was no answer, or none to check."""

    scope: dict[str, Any]
    body: bytes = b""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""

    @property
    def vendor(self) -> str | None:
        """Whose interface it belongs to, None for what is no vendor's."""
        path = self.scope["path"]
        return next(
            (v for v, (mount, _) in HOSTS.items() if path.startswith(f"{mount}/") and path not in PRESSES), None
        )


UNCHECKED: list[Exchange] = []  # by every recorder, until the layer takes them


@dataclass
class Recorder:
    """Stands before an application, keeps every exchange and has it checked when the test ends."""

    app: Any
    exchanges: list[Exchange] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(scope)
        self.exchanges.append(exchange)
        UNCHECKED.append(exchange)

        async def hear() -> Any:
            message = await receive()
            exchange.body += message.get("body", b"")
            return message

        async def say(message: Any) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                exchange.headers = {key.decode(): value.decode() for key, value in message["headers"]}
            exchange.answer += message.get("body", b"")
            await send(message)

        await self.app(scope, hear, say)

    def of(self, vendor: str) -> list[Exchange]:
        """The vendor's, in order."""
        return [exchange for exchange in self.exchanges if exchange.vendor == vendor]


@dataclass(frozen=True)
class Operation:
    """`name`: "POST /Calls/{Sid}.json"."""

    name: str
    method: str
    path: re.Pattern[str]
    statuses: frozenset[str]


class Description:
    """A vendor's own description of its interface."""

    def __init__(self, folder: Path, vendor: str) -> None:
        self.vendor = vendor
        self._document = described(folder, vendor)
        from openapi_core import OpenAPI  # a second to load: pytest loads this file at each start, also of a test alone

        self._openapi = OpenAPI.from_dict(self._document)
        self._known: dict[object, str] = {}
        self.checked_whole = 0

    @cached_property
    def operations(self) -> list[Operation]:
        prefix = urlsplit(self._document["servers"][0]["url"]).path.rstrip("/")
        return [
            Operation(
                f"{method.upper()} {path.removeprefix('/2010-04-01/Accounts/{AccountSid}')}",
                method.upper(),
                re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(prefix + path))),
                frozenset(operation["responses"]),
            )
            for path, methods in self._document["paths"].items()
            for method, operation in methods.items()
            if method in METHODS
        ]

    @cached_property
    def _rules(self) -> dict[str, list[Any]]:
        """What is demanded anywhere of a field of that name."""
        import jsonschema_rs

        found: dict[str, dict[str, Any]] = {}
        for name, schema in _fields(self._document):
            for rule in _leaves(self._document, schema):
                found.setdefault(name, {})[json.dumps(rule, sort_keys=True)] = rule
        return {name: [jsonschema_rs.Draft4Validator(r) for r in rules.values()] for name, rules in found.items()}

    def operation(self, exchange: Exchange) -> Operation | None:
        path = exchange.scope["path"].removeprefix(HOSTS[self.vendor][0])
        method = exchange.scope["method"]
        return next((o for o in self.operations if o.method == method and o.path.fullmatch(path)), None)

    def fault(self, exchange: Exchange) -> str:
        """What the vendor's description has against request or answer, "" for nothing."""
        operation = self.operation(exchange)
        if operation is None:
            return f"{exchange.scope['method']} {exchange.scope['path']}: the vendor describes no such operation"
        shape = (operation.name, self._shape_of(exchange))
        if shape not in self._known:
            self.checked_whole += 1
            self._known[shape] = self._checked(exchange, answered=self.answered(exchange))
        return self._known[shape]

    def answered(self, exchange: Exchange) -> bool:
        """Whether there is an answer to check: a server that is down answers what nobody describes."""
        operation = self.operation(exchange)
        described = operation is not None and bool({str(exchange.status), "5XX"} & operation.statuses)
        return exchange.status != 0 and (exchange.status < BROKEN_STATUS or described)

    def _checked(self, exchange: Exchange, *, answered: bool) -> str:
        from jsonschema.exceptions import best_match
        from openapi_core.testing import MockRequest, MockResponse
        from werkzeug.datastructures import MultiDict

        mount, host = HOSTS[self.vendor]
        headers = {key.decode(): value.decode() for key, value in exchange.scope["headers"]}
        request = MockRequest(
            host,
            exchange.scope["method"].lower(),
            exchange.scope["path"].removeprefix(mount),
            args=MultiDict(parse_qsl(self._lengthened(exchange.scope["query_string"]).decode())),
            headers=headers,
            data=self._lengthened(exchange.body),
            content_type=headers.get("content-type", "").split(";")[0],
        )
        answer = MockResponse(
            self._lengthened(exchange.answer), exchange.status, exchange.headers, _type(exchange.headers)
        )
        try:
            self._openapi.validate_request(request)
            if answered:
                self._openapi.validate_response(request, answer)
        except Exception as error:
            faults = [best_match([fault]).message for fault in getattr(error.__cause__, "schema_errors", [])]
            said = exchange.answer[:300]
            return f"{exchange.scope['method']} {exchange.scope['path']}: {error!r} {faults} {said!r}"
        return ""

    def _lengthened(self, text: bytes) -> bytes:
        if self.vendor != "slack":
            return text
        return SHORT_ID.sub(lambda found: found[0].ljust(SLACK_ID_CHARS, b"0"), text)

    def _shape_of(self, exchange: Exchange) -> object:
        headers = {key.decode(): value.decode() for key, value in exchange.scope["headers"]}
        kind = headers.get("content-type", "").split(";")[0]
        body = self._lengthened(exchange.body)
        answer = self._lengthened(exchange.answer) if self.answered(exchange) else b""
        return (
            headers.get("authorization", "").partition(" ")[0],
            kind,
            self._form(self._lengthened(exchange.scope["query_string"])),
            self._form(body) if "form" in kind else self._json(body),
            exchange.status,
            _type(exchange.headers),
            "retry-after" in {name.lower() for name in exchange.headers},
            self._json(answer),
        )

    def _form(self, text: bytes) -> object:
        return tuple((name, self._shape(name, _meant(value))) for name, value in sorted(parse_qsl(text.decode())))

    def _json(self, text: bytes) -> object:
        try:
            return self._shape("", json.loads(text)) if text else ""
        except ValueError:
            return text

    def _shape(self, name: str, value: object) -> object:
        """What the description can tell about `value` in a field of that name."""
        kept = tuple(rule.is_valid(value) for rule in self._rules.get(name, ()))
        if isinstance(value, dict):
            return (kept, tuple((key, self._shape(key, part)) for key, part in sorted(value.items())))
        if isinstance(value, list):
            return (kept, frozenset(self._shape(name, part) for part in value))
        return (kept, type(value).__name__)


def _beside(exchange: Exchange) -> str:
    path = exchange.scope["path"].removeprefix(HOSTS[exchange.vendor or ""][0]).removeprefix("/api")
    path = TWILIO_ACCOUNT.sub("", path)
    return f"{exchange.vendor} {exchange.scope['method']} {path}"


def _type(headers: dict[str, str]) -> str:
    return headers.get("content-type", "").split(";")[0]


def _meant(text: str) -> object:
    """What a form's field stands for: a number, true, a list, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _fields(part: Any) -> Iterator[tuple[str, Any]]:
    """Every field and parameter of a description with its schema."""
    if isinstance(part, list):
        for each in part:
            yield from _fields(each)
    if not isinstance(part, dict):
        return
    if isinstance(part.get("properties"), dict):
        yield from part["properties"].items()
    if "in" in part and isinstance(part.get("schema"), dict):
        yield part["name"], part["schema"]
    for each in part.values():
        yield from _fields(each)


def _leaves(document: Any, schema: Any) -> Iterator[dict[str, Any]]:
    """The rules for a value itself, of each way it may be."""
    while "$ref" in schema:
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    if rule := {key: schema[key] for key in RULES & schema.keys()}:
        yield rule
    ways = [way for key in ("anyOf", "oneOf", "allOf") for way in schema.get(key, [])]
    for way in [*ways, *([schema["items"]] if isinstance(schema.get("items"), dict) else [])]:
        yield from _leaves(document, way)


@dataclass
class Layer:
    """Holds all that went over the wire against the descriptions, and counts."""

    folder: Path
    requests: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    @cached_property
    def _descriptions(self) -> dict[str, Description]:
        return {vendor: Description(self.folder, vendor) for vendor in HOSTS}

    @cached_property
    def _webhook(self) -> Any:
        import jsonschema_rs

        return jsonschema_rs.Draft202012Validator(json.loads((self.folder / WEBHOOKS[0]).read_text(encoding="utf-8")))

    def check(self, exchanges: Iterable[Exchange]) -> list[str]:
        """Every fault, in order."""
        return [fault for exchange in exchanges if (fault := self._fault(exchange))]

    def _fault(self, exchange: Exchange) -> str:
        if exchange.scope["path"] == WEBHOOKS[1]:
            return self._webhook_fault(exchange)
        if exchange.vendor is None:
            return ""
        description = self._descriptions[exchange.vendor]
        operation = description.operation(exchange)
        if operation is None and (beside := _beside(exchange)) in BESIDE:
            self.requests[f"{beside} (not described)"] += 1
            return ""
        name = f"{exchange.vendor} {operation.name if operation else 'of no description'}"
        self.requests[name] += 1
        self.answers[name] += description.answered(exchange)
        fault = description.fault(exchange)
        self.faults[name] += bool(fault)
        return fault

    def _webhook_fault(self, exchange: Exchange) -> str:
        name = "pagerduty webhook v3"
        self.requests[name] += 1
        errors = [error.message for error in self._webhook.iter_errors(json.loads(exchange.body))]
        self.faults[name] += bool(errors)
        return f"webhook: {errors}" if errors else ""

    @property
    def checked_whole(self) -> int:
        """How many shapes there were."""
        return sum(description.checked_whole for description in self._descriptions.values())
