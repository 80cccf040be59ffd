"""No body of 256 KB keeps the door busy, whatever format it claims to be."""

import json
import time
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from intake.mapping import FIELDS
from intake.read import FORMATS, read
from model.reading import Feed

NOW = datetime(2026, 7, 14, tzinfo=UTC)
SIZE = 256 * 1024
SECONDS = 0.05  # of CPU on a quiet machine
GENEROUSLY = 3 * SECONDS  # and the best of several tries, as other programs slow this one down
BYTES = 16 * 1024 * 1024


def _mui(text: str) -> bytes:
    return json.dumps({"test": "false", "notificationData": {"messages": [{"text": text}]}}).encode()


def _filled(piece: str, *, around: tuple[str, str] = ("", "")) -> str:
    room = SIZE - len(around[0]) - len(around[1]) - 400
    return around[0] + piece * (room // len(piece)) + around[1]


def _listed(before: str, member: Any, after: str) -> bytes:
    one = json.dumps(member)
    return (before + ",".join([one] * ((SIZE - len(before) - len(after)) // (len(one) + 1))) + after).encode()


CAP = '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>i</identifier><status>Actual</status>'
CAP += "<msgType>Alert</msgType><info><description>{}</description></info></alert>"
MESSAGE = {
    "text": "Max Gen Event Step 2 LRZ 4, 5 and 7: reduce 12.5 MW no later than 07/14/2026 13:30 EST",
    "priority": 0,
}
INTERVAL = {"payloads": [{"type": "DISPATCH_SETPOINT_RELATIVE", "values": [-1]}]}
BODIES: Mapping[str, bytes] = {
    "deep list": b"[" * SIZE,
    "closed deep list": b"[" * 10_000 + b"]" * 10_000,
    "deep object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "one string": json.dumps({"text": "x" * SIZE}).encode(),
    "spaces": b" " * SIZE,
    "quotes": b'"' * SIZE,
    "escapes": json.dumps("\0" * (SIZE // 6)).encode(),
    "digits": b"9" * SIZE,
    "empty objects": _listed("[", {}, "]"),
    "events": _listed("[", {"event_id": "e", "headline": "h"}, "]"),
    "alerts": _listed('{"alerts":[', {"status": "firing"}, "]}"),
    "messages": _listed('{"test":"false","notificationData":{"messages":[', MESSAGE, "]}}"),
    "intervals": _listed('{"programID":"1","intervals":[', INTERVAL, "]}"),
    "targets": _listed('{"programID":"1","targets":[', {"values": ["a"]}, "]}"),
    "text of verbs": _mui(_filled("reduce cut hold ")),
    "text of words": _mui("reduce " + _filled("a ")),
    "text of zones": _mui("LRZ " + _filled("4, ")),
    "text of spaces": _mui("Max Gen" + _filled(" ") + "reduce" + " " * 400),
    "text of steps": _mui(_filled("Maximum Generation Event Step 2. ")),
    "text of ends": _mui("EEA 2. " + _filled("all is cancelled, ")),
    "text before an end": _mui(_filled("LRZ 4 event ")[:3_900] + " is cancelled"),
    "text of digits": _mui("reduce " + "1" * (SIZE - 500) + " MW"),
    "xml text": _filled("x", around=tuple(CAP.split("{}"))).encode(),  # type: ignore[arg-type]
    "xml lines": _filled("\n", around=tuple(CAP.split("{}"))).encode(),  # type: ignore[arg-type]
    "xml entities": _filled("&#65;", around=tuple(CAP.split("{}"))).encode(),  # type: ignore[arg-type]
    "xml elements": CAP.replace("{}", "<a/>" * 3_900).encode(),
    "xml deep": CAP.replace("{}", "<a>" * 1_900 + "</a>" * 1_900).encode(),
    "xml tags": _filled("<a>").encode(),
    "xml attributes": ("<a " + " ".join(f"a{n}=''" for n in range(1_900)) + ">").encode(),
    "xml namespaces": ("<a " + " ".join(f"xmlns:a{n}='u{n}'" for n in range(1_900)) + "/>").encode(),
    "pager details": _listed(
        '{"routing_key":"k","event_action":"trigger","dedup_key":"d","payload":{"summary":"s",'
        '"source":"s","severity":"critical","custom_details":{"a":[',
        {"b": 1.5},
        "]}}}",
    ),
    "pager without a key": _listed(
        '{"routing_key":"k","event_action":"trigger","payload":{"summary":"s","source":"s","severity":"info",'
        '"custom_details":{"a":[',
        {"b": 1.5},
        "]}}}",
    ),
    "pager links": _listed(
        '{"routing_key":"k","event_action":"trigger","links":[', {"href": "https://a.example"}, "]}"
    ),
    "alert labels": json.dumps(
        {"alerts": [{"status": "firing", "labels": {f"label{n}": "x" * 20 for n in range(6_000)}}]}
    ).encode(),
    "data in base64": json.dumps(
        {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": "W1tb" * (SIZE // 4 - 40)}
    ).encode(),
    "zones of an event": _listed('{"event_id":"e","headline":"h","zones":[', {"scheme": "MISO-LRZ", "code": "4"}, "]}"),
    "references": CAP.replace("<info>", f"<references>{_filled('a,b,c ')}</references><info>").encode(),
}


MAPPED = {name: name for name in FIELDS if name not in ("each", "target_unit")} | {"each": "alerts || [@]"}


def feed_of(format: str) -> Feed:
    return Feed(source="s", format=format, mapping=MAPPED if format == "mapping" else {})


def seconds(body: bytes, feed: Feed) -> float:
    begun = time.process_time()
    read(body, {"content-type": "application/json"}, feed, NOW)
    return time.process_time() - begun


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"cloudevents"}))
def test_it_does_not_take_long(name: str, format: str) -> None:
    feed = feed_of(format)
    assert any(seconds(BODIES[name], feed) < GENEROUSLY for _ in range(3))


@pytest.mark.long
@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"cloudevents"}))
def test_it_does_not_take_much(format: str) -> None:
    """The most that one body of all of them needs at once."""
    feed = feed_of(format)
    for name, body in BODIES.items():
        tracemalloc.start()
        read(body, {}, feed, NOW)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < BYTES, name
