"""Debian's Alertmanager as a sender: its own process, its own configuration, nothing of it played by us."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.demo_process import Demo, free_port, running, until

CONFIGURATION = """
route:
  receiver: gridcall
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: gridcall
    webhook_configs:
      - url: {api}/v1/sources/alertmanager/events
        send_resolved: true
        max_alerts: 500
        http_config:
          authorization:
            type: Bearer
            credentials: demo-alertmanager
"""
LABELS = {"alertname": "MeterSilent", "severity": "critical", "site": "Foundry 1"}
ANNOTATIONS = {"summary": "Meter of Foundry 1 is silent", "description": "No reading for 10 minutes."}
OPERATOR = {"Authorization": "Bearer demo-operator"}


@contextmanager
def alertmanager(binary: Path, folder: Path, api: str) -> Iterator[str]:
    """Its address, when it is ready to take alerts."""
    (folder / "alertmanager.yml").write_text(CONFIGURATION.format(api=api))
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        str(binary),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    log = folder / "alertmanager.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    try:
        until("Alertmanager is ready", 10, lambda: process.poll() is None and is_ready(url))
        yield url
    except AssertionError as failed:
        failed.add_note(log.read_text()[-2000:])
        raise
    finally:
        process.terminate()
        process.wait(10)


def is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/-/ready").is_success
    except httpx2.TransportError:
        return False


def alert(url: str, starts_at: datetime, ends_at: datetime | None = None) -> None:
    """Say to Alertmanager what Prometheus would say."""
    ends = {"endsAt": ends_at.isoformat()} if ends_at else {}
    body = {"labels": LABELS, "annotations": ANNOTATIONS, "startsAt": starts_at.isoformat()} | ends
    httpx2.post(f"{url}/api/v2/alerts", json=[body]).raise_for_status()


def the_event(demo: Demo) -> dict[str, Any]:
    """The only event of this source, with all that is known of it; {} while there is none."""
    listed = httpx2.get(f"{demo.api}/v1/events", headers=OPERATOR).json()["events"]
    found = [event for event in listed if event["source"] == "alertmanager"]
    if not found:
        return {}
    assert len(found) == 1
    path = f"/v1/events/alertmanager/{found[0]['event_id']}"
    return dict(httpx2.get(f"{demo.api}{path}", headers=OPERATOR).json())


def reached(demo: Demo, channel: str, event: str, words: str = "") -> list[str]:
    """To whom this came, in order."""
    found = [m for m in demo.messages() if (m["channel"], m["event"]) == (channel, event)]
    return [m["to"] for m in found if words in m["text"]]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with running(tmp_path) as demo:
        httpx2.put(f"{demo.standins}/scene", json={"scene": "nobody answers"}).raise_for_status()
        yield demo


@pytest.mark.long
def test_an_alert_rings_and_its_end_stands_down(alertmanager_binary: Path, demo: Demo, tmp_path: Path) -> None:
    """Firing: planned, told in Slack, the phones of those awake ring. Resolved: exactly those told hear that too."""
    began = datetime.now(UTC) - timedelta(minutes=1)
    with alertmanager(alertmanager_binary, tmp_path, demo.api) as sender:
        alert(sender, began)
        event = until("the event is planned", 10, lambda: the_event(demo))
        assert (event["status"], event["severity"], event["headline"]) == ("open", "critical", ANNOTATIONS["summary"])
        wanted = [n for n in event["plan"]["notifications"] if n["person"]]
        people, calls = {n["person"] for n in wanted}, [n for n in wanted if n["channel"] == "voice"]
        assert people
        assert {n["person"] for n in calls} == people

        until("Slack is told", 10, lambda: reached(demo, "slack", "posted", ANNOTATIONS["summary"]))
        until("the phones ring", 10, lambda: len(reached(demo, "voice", "ringing")) == len(people))
        until("they have a text", 10, lambda: len(reached(demo, "sms", "received")) == len(people))
        told = set(reached(demo, "sms", "received", ANNOTATIONS["summary"]))

        alert(sender, began, datetime.now(UTC) - timedelta(seconds=1))
        over = until("a verdict", 10, lambda: (e := the_event(demo))["verdict"] and e)
        assert (over["status"], [r["number"] for r in over["revisions"]]) == ("terminated", [1, 2])
        assert over["verdict"]["outcome"] == "not_needed"
        until("the phones are quiet", 10, lambda: len(reached(demo, "voice", "ended:canceled")) == len(people))
        until("Slack is told of the end", 10, lambda: reached(demo, "slack", "posted", "RESOLVED"))
        until("so is everybody told", 10, lambda: set(reached(demo, "sms", "received", "RESOLVED")) == told)
        until("PagerDuty is resolved", 10, lambda: reached(demo, "pagerduty", "resolve"))
