"""Every sample reads as written beside it in expected/."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from intake.read import read
from model.event import Content
from model.reading import Feed, Reading

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
FILES = sorted(path for path in SAMPLES.iterdir() if path.is_file())


def message(path: Path) -> tuple[bytes, dict[str, str]]:
    raw = path.read_bytes()
    if path.suffix != ".http":
        return raw, {"content-type": "application/json"}
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert int(headers["content-length"]) == len(body)
    return body, headers


def told(reading: Reading) -> dict[str, Any]:
    content = reading.content
    return {
        "event_id": reading.event_id,
        "revision": reading.revision,
        **{name: getattr(content, name) for name in ("message_type", "mode", "issuer", "program", "phase", "severity")},
        **times(content),
        "end_kind": content.end_kind,
        "action": content.instruction.action,
        "target_mw": content.instruction.target_mw,
        "headline": content.headline,
        "zones": [{"scheme": zone.scheme, "code": zone.code} for zone in content.zones],
    }


def times(content: Content) -> dict[str, datetime | None]:
    return {name: getattr(content, name) for name in ("issued_at", "effective_at", "ends_at")}


def wanted(expected: dict[str, Any], feed: Feed) -> dict[str, Any]:
    given = {name: value for name, value in expected.items() if name != "_given"}
    if feed.format == "alertmanager":
        given["revision"] = None  # it numbers nothing: placing counts (tests/contract/test_shared_samples.py)
    for name in ("issued_at", "effective_at", "ends_at"):
        given[name] = given[name] and datetime.fromisoformat(given[name])
    return given


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sample_reads_as_expected(path: Path):
    expected = json.loads((SAMPLES / "expected" / f"{path.stem}.json").read_text())
    expected = expected if isinstance(expected, list) else [expected]
    body, headers = message(path)
    feed = Feed(source="s", format="alertmanager" if "alertmanager" in path.stem else "canonical")
    received_at = datetime.fromisoformat(expected[0]["_given"]["received_at"])
    results = read(body, headers, feed, received_at)
    assert [told(result) for result in results if isinstance(result, Reading)] == [
        wanted(one, feed) for one in expected
    ]
    assert all(result.warnings == () for result in results if isinstance(result, Reading))


def test_one_statement_in_three_envelopes_is_one_statement():
    """Structured, binary and bare: same id, source and digest, so a repeat in another mode is a duplicate."""
    structured, binary, batch = (
        read(*message(SAMPLES / name), Feed(source="s"), datetime(2026, 7, 14, tzinfo=UTC))[0]
        for name in ("cloudevents_structured.http", "cloudevents_binary.http", "cloudevents_batch.json")
    )
    assert isinstance(structured, Reading)
    assert isinstance(binary, Reading)
    assert isinstance(batch, Reading)
    assert (structured.native_id, structured.ce_source) == ("miso-edr-20260714-0007#1", "urn:grid:miso:edr")
    assert (binary.native_id, binary.ce_source) == (structured.native_id, structured.ce_source)
    assert structured.digest == binary.digest == batch.digest
