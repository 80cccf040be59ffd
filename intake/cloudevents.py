"""CloudEvents 1.0 around a canonical event: structured and binary mode. (A batch is a list of structured ones.)

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md and bindings/http-protocol-binding.md
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from intake import strict_json
from intake.instants import Instant
from intake.meaning import reading_of
from intake.problem import NotReadable, not_readable, path, shown, validated
from intake.statement import Part
from model.event import MessageType
from model.reading import Reading

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

# The last word of `org.example.grid.dispatch.issued.v1`, the version apart.
_TYPE_WORD = re.compile(r"\.(issued|updated|cancell?ed|terminated)(?:\.v\d+)?$", re.ASCII)
_MESSAGE_TYPES = {
    "issued": MessageType.NEW,
    "updated": MessageType.UPDATE,
    "cancelled": MessageType.CANCEL,
    "canceled": MessageType.CANCEL,
    "terminated": MessageType.TERMINATE,
}


def _printable(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("printable", "printable characters")
    return value


Attribute = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_printable)]


class Envelope(Part):
    """The attributes we use; extension attributes stay in the parsed message."""

    specversion: Literal["1.0"]
    id: Attribute
    source: Attribute
    type: Attribute
    subject: Attribute | None = None
    time: Instant | None = None
    data_base64: str | None = None


def is_envelope(member: object) -> bool:
    return isinstance(member, dict) and "specversion" in member and ("data" in member or "data_base64" in member)


def is_binary(headers: Mapping[str, str], media_type: str) -> bool:
    return "ce-specversion" in headers and not media_type.startswith("application/cloudevents")


def read_structured(member: Any, where: str) -> Reading:
    """One event in an envelope. Raises NotReadable."""
    envelope = validated(Envelope, member, where)
    if envelope.data_base64 is None:
        return _reading(envelope, member.get("data"), path(where, ["data"]), member)
    field = path(where, ["data_base64"])
    if "data" in member:
        raise not_readable(field, "data as well", "data or data_base64, not both")
    return _reading(envelope, _inside(envelope.data_base64, field), field, member)


def read_binary(body: bytes, headers: Mapping[str, str]) -> Reading:
    """The body is the data, the attributes are headers `ce-*`, percent-encoded. Raises NotReadable."""
    attributes = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    envelope = _from_headers(attributes)
    document = strict_json.parse(body)
    data = document.part(document.value, "data")
    return _reading(envelope, data, "data", {**attributes, "data": data})


def _from_headers(attributes: dict[str, str]) -> Envelope:
    known = {
        name: value for name, value in attributes.items() if name in Envelope.model_fields and name != "data_base64"
    }
    try:
        strict_json.Document(attributes, suspect=True).part(attributes)
        return validated(Envelope, known, "")
    except NotReadable as error:
        raise NotReadable(*(replace(problem, field=f"ce-{problem.field}") for problem in error.problems)) from None


def _inside(encoded: str, where: str) -> Any:
    try:
        body = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise not_readable(where, shown(encoded), "base64") from None
    try:
        document = strict_json.parse(body)
    except NotReadable as error:
        decoded = (replace(p, field=where, found=f"after decoding: {p.found}") for p in error.problems)
        raise NotReadable(*decoded) from None
    return document.part(document.value, where)


def _reading(envelope: Envelope, data: Any, where: str, parsed: Any) -> Reading:
    if not isinstance(data, dict):
        raise not_readable(where, "nothing" if data is None else shown(data), "an event as an object")
    completed = {**data, **{k: v for k, v in _known_outside(envelope).items() if v and data.get(k) is None}}
    return reading_of(completed, where, parsed=parsed, native_id=envelope.id, ce_source=envelope.source)


def _known_outside(envelope: Envelope) -> dict[str, str | None]:
    """What the envelope says for data that does not say it."""
    word = _TYPE_WORD.search(envelope.type)
    return {
        "event_id": envelope.subject,
        "issued_at": envelope.time.isoformat() if envelope.time else None,
        "message_type": _MESSAGE_TYPES[word[1]].value if word else None,
    }
