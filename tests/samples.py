"""Messages as upstreams send them, from the shared samples: how each comes in, and what is known beforehand."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from model.event import Mode, Zone
from model.reading import Named, Names

FORMATS = {"alertmanager": "alertmanager", "cap12": "cap", "miso_mui": "miso-mui", "openadr3": "openadr"}
SAMPLES = (
    "alertmanager_webhook_v4",
    "alertmanager_webhook_v4_resolved",
    "cap12_alert",
    "cap12_cancel",
    "cap12_exercise",
    "cap12_update",
    "cloudevents_batch",
    "cloudevents_binary",
    "cloudevents_structured",
    "miso_edr_dispatch_cancel",
    "miso_edr_dispatch_drill",
    "miso_edr_dispatch_new",
    "miso_edr_dispatch_terminate",
    "miso_edr_dispatch_update",
    "miso_mui_contingency_reserve",
    "miso_mui_emergency_drill",
    "miso_mui_emergency_step2",
    "miso_mui_emergency_termination",
    "openadr3_event_request",
    "openadr3_notification_create",
    "openadr3_notification_delete_cancel",
    "openadr3_notification_update_extend",
)


class Sample(NamedTuple):
    """`expected`: for each of its events what is written beside it, `_given` included."""

    format: str
    body: bytes
    headers: dict[str, str]
    names: Names
    expected: list[dict[str, Any]]

    @property
    def given(self) -> dict[str, Any]:
        given: dict[str, Any] = self.expected[0]["_given"]
        return given


def sample(folder: Path, name: str) -> Sample:
    path = next(path for path in folder.glob(f"{name}.*") if path.is_file())
    body, headers = path.read_bytes(), {"content-type": "application/json"}
    if path.suffix == ".http":
        head, _, body = body.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")[1:]
        headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines)}
    expected = json.loads((folder / "expected" / f"{name}.json").read_text())
    expected = expected if isinstance(expected, list) else [expected]
    format = next((format for start, format in FORMATS.items() if name.startswith(start)), "canonical")
    return Sample(format, body, headers, _names(expected[0]["_given"].get("config", {})), expected)


def _names(config: dict[str, Any]) -> Names:
    def named(section: str) -> dict[str, Named]:
        return {
            word: Named(issuer=entry["issuer"], program=entry["program"], mode=Mode(entry.get("mode", "actual")))
            for word, entry in config.get(section, {}).items()
        }

    targets = {word: Zone(**zone) for word, zone in config.get("targets", {}).items()}
    return Names(senders=named("senders"), programs=named("programs"), targets=targets)
