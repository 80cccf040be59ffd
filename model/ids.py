"""Names for rows: UUIDv7, so that they sort by time and a month's partition follows from the id."""

import secrets
from typing import Protocol

import uuid_utils

# I and O read like 1 and 0 on a phone at night.
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


class Ids(Protocol):
    """Where chance comes from; the simulation hands in one with a seed."""

    def new(self) -> str:
        """A new UUIDv7 as 36 characters."""

    def code(self, letters: int) -> str:
        """`letters` random letters of CODE_LETTERS."""

    def salt(self) -> str:
        """32 hexadecimal digits nobody can guess."""


class SystemIds:
    def new(self) -> str:
        return str(uuid_utils.uuid7())

    def code(self, letters: int) -> str:
        return "".join(secrets.choice(CODE_LETTERS) for _ in range(letters))

    def salt(self) -> str:
        return secrets.token_hex(16)
