"""Who may post events, and by what that is known: a key, a key within the body, a signature over the body."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.access import SENDERS
from app.intake_door import KEPT_OF_TOO_LARGE, Posted
from app.problems import Problem
from app.security import Caller
from app.service import Service
from app.signatures import Signature
from config.keys import Role
from intake import pagerduty
from model.canary import CANARY_SOURCE
from model.roster import Source

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

EVENTS = "/v1/events"
ENQUEUE = "/v2/enqueue"  # as PagerDuty calls it, whose senders have the key in the body
READ_ON = 16  # times the limit: so much of a larger body is verified where its source signs it


@dataclass(slots=True)  # not frozen, which takes a microsecond of each request
class Arrival:
    """A request whose body is not read yet. `headers` with lower-cased names."""

    path: str
    headers: Mapping[str, str]
    sender: str
    request_id: str
    receive: Receive

    def posted(self, body: bytes, truncated: bool, proof: str) -> Posted:
        return Posted(body, self.headers, self.sender, self.request_id, truncated, proof=proof)


class LetIn(NamedTuple):
    """`caller` None: a signature alone opened."""

    posted: Posted
    source: str
    caller: Caller | None


async def let_in(service: Service, arrival: Arrival) -> LetIn:
    """What was posted, for which source, by whom. Raises Problem 400, 401, 403, 404, 413, 429, 503."""
    if "authorization" not in arrival.headers:
        if arrival.path == ENQUEUE:
            return await _by_routing_key(service, arrival)
        if (source := _signer(service, arrival.path)) is not None:
            return await _by_signature(service, arrival, source)
    return await _by_key(service, arrival)


async def admitted(service: Service, arrival: Arrival) -> str:
    """The source that says no more than that it is alive, by a key or by its signature. Raises Problem as `let_in`."""
    signer = None if "authorization" in arrival.headers else _signer(service, arrival.path)
    if signer is not None:
        await _by_signature(service, arrival, signer)
        return signer.id
    caller = service.doorkeeper.admit(arrival.headers.get("authorization"), arrival.sender, SENDERS)
    source = _named(arrival.path)
    allowed(service, caller, source)
    return source


def allowed(service: Service, caller: Caller, source: str) -> None:
    """An upstream speaks for itself only; an admin for every source. Raises Problem 403, 404."""
    if caller.source != source and caller.role is not Role.ADMIN:
        raise service.doorkeeper.forbidden(f"key {caller.key_id} is not for source {source}")
    if source not in service.rosters.roster.sources:
        raise Problem(404, "No such source", f"source {source} is not in the roster")


async def body_of(receive: Receive, limit: int, signature: Signature | None = None) -> tuple[bytes, bool]:
    """The body; of one over the limit only its beginning, and True. `signature` takes all of it, as far as READ_ON.

    Raises Problem 400, 413.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= limit:
        message = await receive()
        body += message.get("body", b"")
    if signature is not None:
        signature.take(body)
        left = READ_ON * limit - len(body)
        while message.get("more_body") and left > 0:
            message = await receive()
            part: bytes = message.get("body", b"")
            signature.take(part)
            left -= len(part)
        if message.get("more_body"):
            raise _nothing_kept(limit)
    if message["type"] == "http.disconnect":
        raise Problem(400, "The request ended too early", "the connection was closed within the body")
    return (body[:KEPT_OF_TOO_LARGE], True) if len(body) > limit else (body, False)


async def _by_key(service: Service, arrival: Arrival) -> LetIn:
    authorization = arrival.headers.get("authorization", "")
    if arrival.path == EVENTS and service.canary_key.opens(authorization):
        return await _our_own(service, arrival)
    caller = service.doorkeeper.caller(authorization, arrival.sender)
    source = _source(service, caller, arrival.path)
    known = _watched(service, source, caller)
    if known:
        service.doorkeeper.check_address(known, arrival.sender)
    signature = _signature(service, known, arrival) if known and known.trust.signed else None
    body, truncated = await body_of(arrival.receive, service.settings.max_body_bytes, signature)
    way = "as password" if authorization[:5].lower() == "basic" else "as bearer"
    proof = f"key {caller.key_id} {way} is valid"
    if known and signature:
        proof = f"{proof}; {_signed(service, known, arrival, signature)}"
    return LetIn(arrival.posted(body, truncated, proof), source, caller)


async def _our_own(service: Service, arrival: Arrival) -> LetIn:
    caller = service.canary_key.caller
    body, truncated = await body_of(arrival.receive, service.settings.max_body_bytes)
    return LetIn(arrival.posted(body, truncated, "Gridcall's own"), CANARY_SOURCE, caller)


async def _by_routing_key(service: Service, arrival: Arrival) -> LetIn:
    """The key is taken out of the body before anybody keeps it."""
    body, truncated = await body_of(arrival.receive, service.settings.max_body_bytes)
    if truncated:
        raise _nothing_kept(service.settings.max_body_bytes)
    key = pagerduty.routing_key(body)
    caller = service.doorkeeper.caller(key and f"Bearer {key}", arrival.sender)
    source = _source(service, caller, ENQUEUE)
    proof = f"key {caller.key_id} as routing_key is valid"
    if known := _watched(service, source, caller):
        service.doorkeeper.check_address(known, arrival.sender)
        if known.trust.signed:
            signature = _signature(service, known, arrival).take(body)
            proof = f"{proof}; {_signed(service, known, arrival, signature)}"
    return LetIn(arrival.posted(pagerduty.without_secret(body, key or ""), truncated, proof), source, caller)


async def _by_signature(service: Service, arrival: Arrival, source: Source) -> LetIn:
    service.doorkeeper.check_address(source, arrival.sender)
    signature = _signature(service, source, arrival)
    body, truncated = await body_of(arrival.receive, service.settings.max_body_bytes, signature)
    proof = _signed(service, source, arrival, signature)
    return LetIn(arrival.posted(body, truncated, proof), source.id, None)


def _signer(service: Service, path: str) -> Source | None:
    """The source of the path, if it signs what it sends: then it needs no key."""
    if path == EVENTS:
        return None
    source = service.rosters.roster.sources.get(_named(path))
    return source if source and source.trust.signed else None


def _watched(service: Service, source: str, caller: Caller) -> Source | None:
    """The source, where more than a key is asked of it. An admin may send for every source, from anywhere."""
    if caller.role is Role.ADMIN:
        return None
    known = service.rosters.roster.sources.get(source)
    return known if known and (known.trust.signed or known.trust.addresses) else None


def _signature(service: Service, source: Source, arrival: Arrival) -> Signature:
    return service.doorkeeper.signature(source, arrival.headers, arrival.sender)


def _signed(service: Service, source: Source, arrival: Arrival, signature: Signature) -> str:
    """The verdict, for the evidence."""
    name = service.doorkeeper.signer(signature, arrival.sender)
    return f"{source.trust.by} signature with secret {name} is valid"


def _nothing_kept(limit: int) -> Problem:
    return Problem(413, "The body is too large", f"at most {limit} bytes are taken; nothing of it is kept")


def _source(service: Service, caller: Caller, path: str) -> str:
    """Whose event it is: that of the key, or the one in the path. Raises Problem 403, 404."""
    if path in {EVENTS, ENQUEUE}:
        if caller.source is None:
            raise service.doorkeeper.forbidden(f"key {caller.key_id} has no source: use /v1/sources/SOURCE/events")
        return caller.source
    source = _named(path)
    allowed(service, caller, source)
    return source


def _named(path: str) -> str:
    return path.split("/")[3]
