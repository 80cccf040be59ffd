"""The event that benchmarks post: canonical JSON of about 600 bytes, a fresh id each time."""

import itertools
import json

_numbers = itertools.count(1)


def body(program: str = "EDR") -> tuple[str, bytes]:
    """(event id, JSON)."""
    event_id = f"BENCH-{next(_numbers):08}"
    event = {
        "event_id": event_id,
        "revision": 1,
        "message_type": "new",
        "mode": "actual",
        "issuer": "MISO",
        "program": program,
        "phase": "event",
        "severity": "critical",
        "issued_at": "2026-07-14T17:58:40Z",
        "ends_at": "2036-07-14T22:30:00Z",
        "end_kind": "until_released",
        "instruction": {"action": "reduce_load", "target_mw": 12.5, "target_kind": "relative", "mandatory": True},
        "zones": [{"scheme": "MISO-LRZ", "code": "4"}],
        "resources": [{"scheme": "MISO-EPNODE", "code": "ACME.FOUNDRY1", "target_mw": 12.5}],
        "headline": "MISO EDR: cut 12.5 MW, zone 4",
        "text": "MISO Max Gen Event Step 2. Hold until released.",
        "source_timezone": "Etc/GMT+5",
    }
    return event_id, json.dumps(event, separators=(",", ":")).encode()
