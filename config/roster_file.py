"""The roster as people write it: one YAML file, described in docs/roster.md. Loaded whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from config import roster_writer, yaml_tree
from config.fields import Problems
from config.keys import KeySpec, Role
from config.roster_reader import Reader
from config.yaml_tree import Node, parse, tree
from model.errors import SettingsError
from model.roster import Roster
from store.codec import sha256

__all__ = ["KeySpec", "Role", "RosterFile", "load_roster", "read_document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterFile:
    """What one file says. The roster's version is 0 until the store gives it one.

    `sha256`: of its text, whichever version that names; empty where there was no text. `from_version`: from which it
    was exported; None: nobody says.
    """

    roster: Roster
    keys: tuple[KeySpec, ...] = ()
    sha256: str = ""
    from_version: int | None = None


def load_roster(text: str, name: str) -> RosterFile:
    """Read the file `text`, called `name` in messages.

    Raises SettingsError with up to 20 problems, each `file:line: path: expected …, found …`. Never quotes a secret.
    """
    same = roster_writer.FROM_VERSION.sub(r"\1", text, count=1)  # `roster apply` writes another one into the file
    return replace(_read(parse(text, name), name), sha256=sha256(same.encode()))


def read_document(data: Mapping[str, Any]) -> Roster:
    """Read what the file would hold, as `config/roster_writer.py` gives it. Raises SettingsError as `load_roster`."""
    return _read(tree(data), "roster").roster


def _read(root: Node, name: str) -> RosterFile:
    problems = Problems(name)
    roster, keys, from_version = Reader(root, problems).read()
    problems.raise_if_any()
    if not roster_writer.fits(roster):
        # What comes in entry by entry, or by aliases, must be a file that comes in whole as well.
        most = f"at most {yaml_tree.MAX_CHARS} characters and {yaml_tree.MAX_NODES} values"
        raise SettingsError(f"{name}: expected {most} when written as a file, found more")
    return RosterFile(roster=roster, keys=keys, from_version=from_version)
