"""What `gridcall serve` prints when it is ready."""

import os
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from app.serve import DEMO_SOURCE, Listening
from app.service import Service

KEY = "demo-upstream"


def say(service: Service, api: Listening, standins_url: str | None) -> None:
    """`standins_url` None: not a demo."""
    print("\n".join(lines(service, api.url, standins_url)), flush=True)


def lines(service: Service, api_url: str, standins_url: str | None) -> Iterator[str]:
    yield f"Gridcall listens at {api_url}"
    yield f"  API description       {api_url}/docs"
    if standins_url is not None:
        yield f"  phones, Slack, pager  {standins_url}"
        yield ""
        yield "Paste this into another terminal, as often as you like; each time the phones ring:"
        yield f"  {paste(api_url)}"
        yield ""
    yield from heartbeat(service, DEMO_SOURCE)
    yield "Ctrl-C ends it."


def paste(api_url: str) -> str:
    """One line for a plain shell in the folder in which this was started."""
    return (
        f"{program(Path(sys.argv[0]), Path.cwd())} example edr | curl -sS {api_url}/v1/events "
        f"-H 'Authorization: Bearer {KEY}' -H 'Content-Type: application/json' -H 'Prefer: wait=2' "
        "-w '\\n' --data-binary @-"
    )


def program(started: Path, folder: Path) -> str:
    """How to start `gridcall` again from `folder`: as short as it works."""
    if started.name != "gridcall":
        return f"{sys.executable} -m app.cli"
    if shutil.which("gridcall") == os.fspath(started.absolute()):
        return "gridcall"
    absolute = started.absolute()
    return os.fspath(absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute)


def heartbeat(service: Service, source: str) -> Iterator[str]:
    """When the silence of `source` will ring, if nothing more is heard of it."""
    status = service.hearing.statuses().get(source)
    if status is not None and status.last_seen_at is not None:
        ends = f"late at {both(status.late_at)}, phones ring at {both(status.silent_at)}"
        yield f"If nothing more is heard of source {source}, it is {ends}."


def both(at: datetime) -> str:
    """The clock on the wall here, and UTC."""
    local = at.astimezone()
    here = f"{local:%H:%M:%S} {local:%Z}"
    return here if local.utcoffset() == timedelta(0) else f"{here} ({at:%H:%M:%S} UTC)"
