"""Keys as the roster file names them: who may do what with which secret."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from config.fields import Wrong
from config.yaml_tree import Node

DEMO_PREFIX = "demo-"
EXAMPLE_PREFIX = "replace-me"  # of docs/roster.md, so everybody knows it
MIN_SECRET_CHARS = 20


class Role(StrEnum):
    """What the holder of a key may do: send events of one source, answer them, change everything."""

    UPSTREAM = "upstream"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpec:
    """A key of the file. `source`: whose events an upstream sends; `person`: who acts with it."""

    id: str
    role: Role
    source: str | None = None
    person: str | None = None
    secret: str = field(repr=False)

    @property
    def demo(self) -> bool:
        """True for a secret everybody knows: to be refused outside the demo."""
        return self.secret.startswith(DEMO_PREFIX)


def secret(node: Node) -> str:
    """Printable ASCII without spaces; long unless it is a demo's."""
    value = node.value
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]{1,200}", value):
        raise Wrong(node, "a secret of visible ASCII characters", "something else")
    if value.lower().startswith(EXAMPLE_PREFIX):
        raise Wrong(node, "a secret of your own", f"an example's that everybody knows ({EXAMPLE_PREFIX}…)")
    if len(value) < MIN_SECRET_CHARS and not value.startswith(DEMO_PREFIX):
        raise Wrong(node, f"a secret of at least {MIN_SECRET_CHARS} characters", f"{len(value)}")
    return value
