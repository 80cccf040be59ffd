"""A small file that is there whole or not at all, whenever the power goes."""

import os
from pathlib import Path
from tempfile import mkstemp


def write(path: Path, content: bytes) -> None:
    """In place of what was there, durable at the return, for nobody else to read. Raises OSError."""
    handle, new = mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(new).replace(path)
    except OSError:
        Path(new).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """The new name, too."""
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)
