"""A RabbitMQ of our own, on free ports and in a temporary folder, that may be stopped and started again."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity

from broker.topology import Topology
from tests import services
from tests.demo_process import free_port

START_SECONDS = 60
STOP_SECONDS = 30
HELLO = b"AMQP\x00\x00\x09\x01"
# Debian's program on the PATH changes the user to one who may not write where tests do.
DEBIANS_OWN = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class RabbitNode:
    """One node with an epmd of its own: nothing is shared with a RabbitMQ that runs here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._epmd_port = free_port()
        self._program = DEBIANS_OWN if DEBIANS_OWN.exists() else services.path("rabbitmq-server")
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")},
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"gridcall{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }
        (folder / "plugins").write_text("[].")
        (folder / "rabbitmq.conf").write_text("loopback_users = none\nvm_memory_high_watermark.absolute = 1GB\n")

    @property
    def pid(self) -> int:
        """Of the process above all others of it."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Return when it takes connections."""
        if self._epmd is None:
            command = ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"]
            self._epmd = subprocess.Popen(command, env=self._environment)
        with (self._folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [str(self._program)], env=self._environment, stdout=out, stderr=out, start_new_session=True
            )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, f"RabbitMQ ended while it started: {self._said()}"
            assert time.monotonic() < end, f"RabbitMQ did not start within {START_SECONDS} s: {self._said()}"
            time.sleep(0.1)

    def _said(self) -> str:
        return (self._folder / "out").read_text()[-2000:]

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as asking:
                asking.sendall(HELLO)
                return asking.recv(1) == b"\x01"
        except OSError:
            return False

    @property
    def running(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        """As an operator does.

        (Not by SIGKILL: 3.10 forgets a quorum queue that was made seconds before, and it has no leader afterwards.)
        """
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, how)
            self._process.wait(STOP_SECONDS)
            self._process = None

    def end(self) -> None:
        self._end(signal.SIGKILL)
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait(10)


async def delete_queues(url: str, prefix: str) -> None:
    """Take a test's queues off a server it shares.

    Each must answer first: one that is deleted right after the server was started, before anybody serves it, 3.10 never
    lets anybody take from again, however often it is made anew.
    """
    async with await aio_pika.connect(url) as connection:
        for name in Topology(prefix, 1).names:
            async with connection.channel() as channel:
                try:
                    queue = await channel.declare_queue(name, passive=True)
                except ChannelNotFoundEntity:
                    continue
                await queue.cancel(await queue.consume(_leave))
                # Quorum queues know no "only if unused": asked for it, RabbitMQ closes the whole connection.
                await channel.queue_delete(name, if_unused=False, if_empty=False)


async def _leave(_message: AbstractIncomingMessage) -> None:
    """It goes with its queue."""
