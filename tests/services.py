"""What some tests need from outside Python: what it is called, where it is here, and how one gets it.

A server counts as here when a variable names it, when it listens on its standard port, or when its program is
installed: then the tests start a private one.

GRIDCALL_TEST_SERVICES says what happens to a test whose service is not here:
none: tests that need a service are skipped, found or not; find (default): skipped when it is not here; require: failed.
"""

import os
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

MODES = ("none", "find", "require")
BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared"


@dataclass(frozen=True)
class Service:
    """A program, by the names it goes under, a folder (`folder` unless the variable names another), or a server."""

    name: str
    remedy: str
    programs: tuple[str, ...] = ()
    folder: Path | None = None
    variable: str = ""
    server: Callable[[], str | None] | None = None
    port: int = 0

    def find(self) -> Path | str | None:
        """A folder, a program, or what is said of a server that runs (its address may hold a password)."""
        if self.server:
            return self.server()
        if self.port and os.environ.get(self.variable):
            return f"named by {self.variable}"
        if self.port and listens(self.port):
            return f"port {self.port} of 127.0.0.1"
        if self.folder:
            folder = Path(os.environ.get(self.variable) or self.folder)
            return folder if folder.is_dir() else None
        found = (shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") for program in self.programs)
        return next((Path(program) for program in found if program), None)


def find_postgres() -> str | None:
    from tests import postgres  # the driver is loaded only where a test needs it

    return postgres.find()


SERVICES = {
    service.name: service
    for service in (
        Service(
            "alertmanager",
            "apt-get install prometheus-alertmanager",
            programs=("prometheus-alertmanager", "alertmanager"),
        ),
        Service(
            "chromium", "apt-get install chromium", programs=("chromium", "chromium-browser", "google-chrome-stable")
        ),
        Service(
            "rabbitmq",
            "apt-get install rabbitmq-server, or name one in GRIDCALL_TEST_AMQP_URL",
            programs=("rabbitmq-server",),
            variable="GRIDCALL_TEST_AMQP_URL",
            port=5672,
        ),
        Service("rabbitmq-server", "apt-get install rabbitmq-server", programs=("rabbitmq-server",)),
        Service("systemd-analyze", "apt-get install systemd", programs=("systemd-analyze",)),
        Service("promtool", "apt-get install prometheus", programs=("promtool",)),
        Service("espeak-ng", "apt-get install espeak-ng", programs=("espeak-ng",)),
        Service("curl", "apt-get install curl", programs=("curl",)),
        Service("openssl", "apt-get install openssl", programs=("openssl",)),
        Service(
            "postgresql",
            "apt-get install postgresql or name a server in GRIDCALL_TEST_DATABASE_URL",
            server=find_postgres,
        ),
        Service(
            "samples",
            "put the samples of messages in ../shared/samples or name their folder in GRIDCALL_SAMPLES",
            folder=BESIDE_THE_CHECKOUT / "samples",
            variable="GRIDCALL_SAMPLES",
        ),
        Service(
            "vendor-specs",
            "put the vendors' API descriptions in ../shared/vendor-specs or name their folder in GRIDCALL_VENDOR_SPECS",
            folder=BESIDE_THE_CHECKOUT / "vendor-specs",
            variable="GRIDCALL_VENDOR_SPECS",
        ),
    )
}


def listens(port: int) -> bool:
    with socket.socket() as asking:
        asking.settimeout(1)
        return asking.connect_ex(("127.0.0.1", port)) == 0


def mode(environ: Mapping[str, str]) -> str:
    """The wish in GRIDCALL_TEST_SERVICES. Raises ValueError for one there is not."""
    wish = environ.get("GRIDCALL_TEST_SERVICES") or "find"
    if wish not in MODES:
        raise ValueError(f"GRIDCALL_TEST_SERVICES is {wish!r}, and can only be one of: {', '.join(MODES)}")
    return wish


def path(name: str) -> Path:
    """Where a service is, for a fixture: the test's mark has seen to it that it is here."""
    found = SERVICES[name].find()
    assert isinstance(found, Path), f"{name} not found: {SERVICES[name].remedy}"
    return found


def not_run_line(name: str, tests: int, wish: str) -> str:
    count = f"{tests} test{'' if tests == 1 else 's'}"
    if wish == "none":
        return f"NOT RUN: {count}, {name} switched off by GRIDCALL_TEST_SERVICES=none"
    return f"NOT RUN: {count}, {name} not found ({SERVICES[name].remedy})"


def main() -> None:
    print(f"GRIDCALL_TEST_SERVICES={mode(os.environ)}")
    for service in SERVICES.values():
        found = service.find()
        print(f"{service.name:15} {found or f'not found: {service.remedy}'}")


if __name__ == "__main__":
    main()
