"""`curl` as a sender of CAP: an alert, its update and its cancellation, over a real socket."""

import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

BEARER = {"Authorization": "Bearer demo-operator"}


def curl(url: str, body: Path, *more: str) -> tuple[int, str]:
    """Status and body of the answer."""
    line = ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", "--data-binary", f"@{body}", *more, url]
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=True)
    said, _, status = done.stdout.rpartition("\n")
    return int(status), said


@pytest.mark.service("curl")
def test_an_alert_its_update_and_its_cancellation(url: str, samples: Path) -> None:
    """Known as CAP by its media type, the key as the password of HTTP basic, as curl likes it."""
    for name in ("alert", "update", "cancel"):
        status, said = curl(
            f"{url}/v1/sources/miso/events",
            samples / f"cap12_{name}.xml",
            *("-u", "miso:demo-upstream", "-H", "Content-Type: application/cap+xml", "-H", "Prefer: wait=5"),
        )
        assert (status, "error" in said) == (202, False), said
    listed: list[dict[str, Any]] = httpx2.get(f"{url}/v1/events", headers=BEARER).json()["events"]
    [event] = [found for found in listed if found["source"] == "miso"]
    # By the clock of the test its start is past: what is cancelled after its start is over.
    assert (event["status"], event["revision"]) == ("terminated", 3)
