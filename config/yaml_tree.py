"""YAML as a tree that remembers its lines. Values stay as written: `+1312…`, `22:00` and `no` are text.

Data that came by another road, as JSON, makes the same tree without lines, so that one reader serves both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from model.errors import SettingsError

MAX_CHARS = 2_000_000  # enough for a table of resources at its longest, and what a request may bring
MAX_NODES = 200_000  # aliases count each time they are used, so a file cannot unfold without end
MAX_DEPTH = 20

_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
)


@dataclass(frozen=True, slots=True)
class Node:
    """One place of a file: `path` such as `people.ana.phone` or `overrides[0]`, `line` from 1 (0: none), what is there.

    `value` None: nothing is written there.
    """

    path: str
    line: int
    value: "str | Mapping[str, Node] | list[Node] | None"


def parse(text: str, name: str) -> Node:
    """The tree of the one YAML document `text`. Raises SettingsError with the line, never the content."""
    if len(text) > MAX_CHARS:
        raise SettingsError(f"{name}: expected at most {MAX_CHARS} characters, found {len(text)}")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        raise SettingsError(f"{name}:{line}: not YAML: {e.problem}") from None  # str(e) would quote the file
    except yaml.YAMLError as e:
        raise SettingsError(f"{name}: not YAML: {getattr(e, 'reason', 'unreadable')}") from None
    except RecursionError:
        raise SettingsError(f"{name}: nested too deeply") from None
    return _Builder(name).node(root, "", 0) if root is not None else Node("", 1, None)


def tree(data: Any, path: str = "", depth: int = 0) -> Node:
    """The tree of plain data. A field that is null is as one that is left out.

    Raises SettingsError for what is nested too deeply, or holds text that cannot be written down.
    """
    if depth > MAX_DEPTH:
        raise SettingsError(f"{path}: nested too deeply")
    match data:
        case None:
            return Node(path, 0, None)
        case bool():
            return Node(path, 0, "true" if data else "false")
        case dict():
            names = {_writable(name, path): value for name, value in data.items() if value is not None}
            below = {name: tree(value, f"{path}.{name}" if path else name, depth + 1) for name, value in names.items()}
            return Node(path, 0, below)
        case list():
            return Node(path, 0, [tree(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(data)])
    return Node(path, 0, _writable(str(data), path))


def _writable(text: str, path: str) -> str:
    """JSON can name halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{path}: expected Unicode text") from None
    return text


class _Builder:
    """Turns PyYAML's nodes into ours. Raises at the first thing that is not plain data."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes = 0

    def node(self, node: yaml.Node, path: str, depth: int, line: int | None = None) -> Node:
        """`line`: that of the name before it, where there is one."""
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise self._error(node, path, "too large or nested too deeply (aliases count each time they are used)")
        if node.tag not in _PLAIN_TAGS:
            raise self._error(node, path, "tags are not used here")
        return Node(path, line or _line(node), self._value(node, path, depth + 1))

    def _value(self, node: yaml.Node, path: str, depth: int) -> str | Mapping[str, Node] | list[Node] | None:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.node(item, f"{path}[{i}]", depth) for i, item in enumerate(node.value)]
        return None if node.tag.endswith(":null") else str(node.value)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> Mapping[str, Node]:
        fields: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(key, path, "expected a name before the colon")
            field_path = f"{path}.{key.value}" if path else key.value
            if key.value in fields:
                raise self._error(key, field_path, f"given twice, first in line {fields[key.value].line}")
            fields[key.value] = self.node(value, field_path, depth, _line(key))
        return fields

    def _error(self, node: yaml.Node, path: str, what: str) -> SettingsError:
        return SettingsError(f"{self._name}:{_line(node)}: {path + ': ' if path else ''}{what}")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
