"""The queue of one process on its own disk, for the time in which RabbitMQ is away.

Each process has a file of its own in the folder, with an OS lock. A file nobody holds the lock of belongs to a process
that is gone: whoever finds it takes its messages over.
"""

import sqlite3
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from itertools import count
from pathlib import Path

import structlog

from broker.base import Durability, Message
from broker.embedded import EmbeddedBroker, EmbeddedHandle
from model.errors import SettingsError

log = structlog.get_logger(__name__)

_MOUNTS = Path("/proc/self/mounts")
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_NOT_USABLE = (OSError, sqlite3.Error, ValueError)  # damaged, somebody else's, or there is no room


class Lent(EmbeddedHandle):
    """Of a message that is in hands here: whoever has it goes on trying."""

    def give_back(self) -> None:
        """It is in those hands still."""


class Spool(EmbeddedBroker):
    """Takes the first file of `folder` that is free. `left_behind`: another queue whose messages belong here now.

    `unusable`: files of the folder that cannot be opened, and why. What they hold nobody decides about. Raises
    SettingsError when no file can be made.
    """

    def __init__(
        self,
        folder: Path,
        depth_limit: int = 100_000,
        bytes_limit: int = 512_000_000,
        left_behind: EmbeddedBroker | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._left_behind = left_behind
        self._in_hands: dict[str, Message] = {}
        self._lends = False
        self.unusable: dict[Path, str] = {}
        for number in count():
            self._path = folder / f"{number}.db"
            self._since: dict[str, datetime] = {}
            new = not any(folder.glob(f"{number}.*"))
            try:
                super().__init__(self._path, depth_limit, bytes_limit)
                break
            except SettingsError:
                continue  # another process has it
            except _NOT_USABLE as error:
                if new:
                    raise SettingsError(f"{folder} takes no new file: {error}") from error
                self._cannot_use(self._path, error)

    async def publish(self, message: Message) -> Durability:
        """A message that is here already is here already."""
        if message.id not in self._since:
            self._since[message.id] = message.received_at
            try:
                await super().publish(message)
            except BaseException:
                del self._since[message.id]
                raise
        elif self.keep(message.id):
            self.offer(message, redelivered=True)
        return Durability.HOST

    async def consume(self) -> AsyncIterator[EmbeddedHandle]:
        """For the router of this process."""
        async for handle in super().consume():
            self._in_hands[handle.message.id] = handle.message
            yield handle

    def let_go(self) -> None:
        self._lends = True

    def take_again(self) -> None:
        self._lends = False

    def lent(self) -> list[EmbeddedHandle]:
        """What is in hands that have let go of it: RabbitMQ may have it, once it is there."""
        return [Lent(self, message, True) for message in self._in_hands.values()] if self._lends else []

    def offer(self, message: Message, *, redelivered: bool) -> None:
        self._in_hands.pop(message.id, None)
        self._since.setdefault(message.id, message.received_at)
        super().offer(message, redelivered=redelivered)

    async def remove(self, message: Message) -> None:
        self._in_hands.pop(message.id, None)
        await super().remove(message)

    def forgotten(self, message_id: str, error: Exception | None) -> None:
        super().forgotten(message_id, error)
        if error is None:
            self._since.pop(message_id, None)

    def depth(self) -> int:
        return super().depth() + (self._left_behind.depth() if self._left_behind else 0)

    def oldest_at(self) -> datetime | None:
        """When the oldest message in it was received."""
        return min(self._since.values(), default=None)

    async def take_over(self) -> None:
        """Take over what processes that are gone have left."""
        self.unusable = {path: why for path, why in self.unusable.items() if path.exists()}
        if self._left_behind is not None:
            await self._move(self._left_behind)
        for path in sorted(self._folder.glob("*.db")):
            if path != self._path:
                await self._adopt_file(path)

    async def _adopt_file(self, path: Path) -> None:
        try:
            orphan = EmbeddedBroker(path)
        except SettingsError:
            return  # its process lives
        except _NOT_USABLE as error:
            self._cannot_use(path, error)
            return
        self.unusable.pop(path, None)
        try:
            await self._move(orphan)
            # While the lock is held, or its next owner's file would go. The lock's own file stays for good.
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                path.with_name(name).unlink(missing_ok=True)
        finally:
            await orphan.close()

    def _cannot_use(self, path: Path, error: Exception) -> None:
        """Said once: it is tried again every few seconds."""
        if self.unusable.get(path) != str(error):
            self.unusable[path] = str(error)
            log.error("a file of the spool cannot be used", file=str(path), error=str(error))

    async def _move(self, orphan: EmbeddedBroker) -> None:
        moved = 0
        while (handle := orphan.take()) is not None:
            try:
                await self.publish(handle.message)
            except BaseException:
                handle.give_back()
                raise
            await handle.ack()
            moved += 1
        if moved:
            log.warning("took over messages of a process that is gone", messages=moved)

    async def close(self) -> None:
        await super().close()
        if self._left_behind is not None:
            await self._left_behind.close()


def in_memory(folder: Path, mounts: str | None = None) -> bool:
    """Does the folder vanish with the machine's memory? `mounts` as in /proc/self/mounts."""
    if mounts is None:
        mounts = _MOUNTS.read_text() if _MOUNTS.exists() else ""
    return _file_system(folder.resolve(), mounts.splitlines()) in _IN_MEMORY


def _file_system(folder: Path, mounts: Iterable[str]) -> str:
    """The type of the innermost mount; of two at one place the later one counts."""
    found, depth = "", -1
    for line in mounts:
        _, at, kind, *_ = line.split(" ")
        place = Path(at.replace("\\040", " "))
        if folder.is_relative_to(place) and len(place.parts) >= depth:
            found, depth = kind, len(place.parts)
    return found
