"""A RabbitMQ of our own and a database on a PostgreSQL, where they are installed, and the processes they are."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import postgres
from tests.rabbit_node import RabbitNode
from tests.services import SERVICES


@dataclass(frozen=True)
class Engines:
    """None: it is not here."""

    amqp_url: str | None
    rabbit_pid: int | None
    database_url: str | None

    def postgres_pids(self) -> list[int]:
        """The servers' own processes; those of connections are below them."""
        return [int(pid) for pid in filter(str.isdigit, os.listdir("/proc")) if _is_postmaster(pid)]


def _is_postmaster(pid: str) -> bool:
    try:
        return b"postgres\0-D" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def engines() -> Iterator[Engines]:
    """Start what is installed; end and delete it afterwards."""
    with ExitStack() as stack:
        amqp_url = rabbit_pid = database_url = None
        if SERVICES["rabbitmq-server"].find():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gridcall-bench-"))
            node = RabbitNode(Path(folder))
            stack.callback(node.end)
            node.start()
            amqp_url, rabbit_pid = node.url, node.pid
        else:
            print("RabbitMQ is not installed: its figures are left out")
        if postgres.find():
            database_url = stack.enter_context(postgres.database(stack.enter_context(postgres.server(durable=True))))
        else:
            print("PostgreSQL is not here: its figures are left out")
        yield Engines(amqp_url, rabbit_pid, database_url)
