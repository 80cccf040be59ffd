"""A PostgreSQL for tests: the one named by GRIDCALL_TEST_DATABASE_URL, else the one on this machine's standard port
that lets us in without a password, else a private one from the installed programs, ended with the tests.
"""

import asyncio
import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

VARIABLE = "GRIDCALL_TEST_DATABASE_URL"
STANDARD = "127.0.0.1:5432"
START_SECONDS = 20


@cache
def find() -> str | None:
    """Where a server is or can be made: its address without a password, or the folder of the programs."""
    if url := os.environ.get(VARIABLE):
        return str(make_url(url).set(query={}))
    if running() is not None:
        return STANDARD
    folder = programs()
    return str(folder) if folder else None


@cache
def running() -> str | None:
    """The address of a server on the standard port that lets us in and create databases."""
    for user in dict.fromkeys(("postgres", getpass.getuser())):
        url = f"postgresql://{user}@{STANDARD}/postgres"
        try:
            if wait_for(_may_create(url)):
                return url
        except (OSError, TimeoutError, asyncpg.PostgresError):
            continue
    return None


async def _may_create(url: str) -> bool:
    conn = await asyncpg.connect(url, timeout=2)
    try:
        return bool(await conn.fetchval("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"))
    finally:
        await conn.close()


def programs() -> Path | None:
    """The newest installed version; Debian keeps them out of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent  # the others stand beside it, not beside a link to it
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((p.parent for p in folders), key=lambda p: int(p.parent.name), default=None)


@contextmanager
def server(*, durable: bool = False) -> Iterator[str]:
    """The address of a database on a server in which others can be made. `durable`: on its disk."""
    if url := os.environ.get(VARIABLE) or running():
        yield url
        return
    with _private(durable=durable) as url:
        yield url


@contextmanager
def _private(*, durable: bool) -> Iterator[str]:
    node = PostgresNode(durable=durable)
    try:
        node.start()
        yield node.url
    finally:
        node.end()


class PostgresNode:
    """A server of our own on a free port, which may be stopped. It refuses to run as root: root hands it to another.

    Not `durable`, it loses what it wrote when its machine loses power, and is quicker.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._fsync = "on" if durable else "off"
        bin_ = programs()
        assert bin_ is not None, "there are no programs of PostgreSQL"
        self._program = bin_ / "postgres"
        self._folder = Path(tempfile.mkdtemp(prefix="gridcall-postgres-"))
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        user = _other_user() if os.geteuid() == 0 else None
        if user:
            shutil.chown(self._folder, user)
        self._given = {"user": user, "cwd": self._folder, "env": {"PATH": str(bin_), "LC_ALL": "C"}}
        initdb = [bin_ / "initdb", "-D", self._folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*initdb, "--locale=C", "--no-sync"], check=True, capture_output=True, **self._given)
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Return when it answers."""
        options = {"fsync": self._fsync, "listen_addresses": "127.0.0.1", "unix_socket_directories": str(self._folder)}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-D", self._folder / "data", "-p", str(self._port), *settings],
                stdout=log,
                stderr=log,
                **self._given,
            )
        _until_it_answers(self.url, self._process, self._folder / "log")

    @property
    def running(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        """As an operator does in a hurry: what is open is broken off."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """At once, as when its machine loses power (but for the disk): the next start recovers."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=START_SECONDS)
            self._process = None

    def end(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _other_user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def _until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            wait_for(_may_create(url))
            return
        except (OSError, TimeoutError, asyncpg.PostgresError):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < limit, log.read_text()
            time.sleep(0.05)


@contextmanager
def database(server_url: str, *, durable: bool = False) -> Iterator[str]:
    """A database of our own, empty, dropped at the end. Unless it is `durable`, no commit waits for the disk."""
    name = f"gridcall_test_{uuid4().hex[:12]}"
    execute(server_url, f'CREATE DATABASE "{name}"')
    try:
        if not durable:
            execute(server_url, f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        execute(server_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def execute(url: str, statements: str) -> None:
    """Without parameters they go to the server together, in one transaction."""
    wait_for(_execute(url, statements))


async def _execute(url: str, statements: str) -> None:
    conn = await asyncpg.connect(url, timeout=5)
    try:
        await conn.execute(statements)
    finally:
        await conn.close()


def wait_for(work: Coroutine[Any, Any, Any]) -> Any:
    """Its result, also where a loop runs already."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
