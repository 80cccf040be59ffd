"""JMESPath (https://jmespath.org) with a bound on what it may cost: admins write the expressions, senders feed them.

Expressions are short and flat, functions those that read a value; what is worked out takes steps, counted over a whole
message. One step is what a visit of one node costs; whatever does more in one visit pays for it beforehand.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jmespath.exceptions import JMESPathError
from jmespath.parser import Parser
from jmespath.visitor import TreeInterpreter

from intake.strict_json import Document

EXPRESSION_CHARS = 500
NODES = 100
DEPTH = 20
STEPS = 10_000
JOINED_CHARS = 10_000

# Left out: what takes an expression (map, sort_by …), and what makes much of little (to_string of a list does, too).
FUNCTIONS = frozenset(
    {"contains", "ends_with", "join", "keys", "length", "max", "min", "not_null", "starts_with", "sum"}
    | {"to_array", "to_number", "to_string", "type", "values"}
)

Node = dict[str, Any]


class TooCostly(Exception):
    """It would take more steps than a message may."""


@lru_cache(maxsize=4096)
def compiled(expression: str) -> Node:
    """Raises ValueError that says what is wrong with it."""
    if len(expression) > EXPRESSION_CHARS:
        raise ValueError(f"at most {EXPRESSION_CHARS} characters are taken")
    try:
        tree: Node = Parser().parse(expression).parsed
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except JMESPathError as error:
        raise ValueError(" ".join(str(error).split("\n")[0].split())) from None
    for count, (node, depth) in enumerate(_nodes(tree), start=1):
        if count > NODES or depth > DEPTH:
            raise ValueError(f"at most {NODES} parts are taken, nested {DEPTH} deep")
        if node["type"] == "expref":
            raise ValueError("& is not used here")
        if node["type"] == "literal" and not Document(node["value"], suspect=True).sound(node["value"]):
            raise ValueError("a literal has characters that cannot be kept")
        if node["type"] == "function_expression" and node["value"] not in FUNCTIONS:
            raise ValueError(f"there is no function {node['value']} here, only {', '.join(sorted(FUNCTIONS))}")
    return tree


def _nodes(tree: Node) -> Iterator[tuple[Node, int]]:
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in node["children"] if isinstance(child, dict)]


class Search(TreeInterpreter):  # type: ignore[misc]
    """Works out expressions over one message. Raises TooCostly once they took too many steps together."""

    def __init__(self, steps: int = STEPS) -> None:
        super().__init__()
        self._steps = steps

    def find(self, expression: str, value: Any) -> Any:
        """What the expression finds in `value`, None for nothing.

        Raises JMESPathError when a function is given what it does not take.
        """
        return self.visit(compiled(expression), value)

    def _pay(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise TooCostly

    def visit(self, node: Node, value: Any) -> Any:
        self._steps -= 1
        if self._steps < 0:
            raise TooCostly
        return _VISITS[node["type"]](self, node, value)

    def visit_flatten(self, node: Node, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if isinstance(base, list):
            self._pay(sum(len(one) // 16 + 1 if isinstance(one, list) else 1 for one in base))
        return super().visit_flatten(node | {"children": [_literal(base)]}, value)

    def visit_slice(self, node: Node, value: Any) -> Any:
        self._pay(_weight(value))
        return super().visit_slice(node, value)

    def visit_comparator(self, node: Node, value: Any) -> Any:
        """Text, numbers, true, false and null are compared; objects and lists are equal to nothing."""
        left, right = (self.visit(child, value) for child in node["children"])
        if any(isinstance(one, dict | list) for one in (left, right)):
            return node["value"] == "ne"
        if node["value"] not in self._EQUALITY_OPS and isinstance(left, str) is not isinstance(right, str):
            return None
        self._pay(_weight(left))
        return super().visit_comparator(node | {"children": [_literal(left), _literal(right)]}, value)

    def visit_function_expression(self, node: Node, value: Any) -> Any:
        given = [self.visit(child, value) for child in node["children"]]
        self._pay(sum(map(_weight, given)))
        _check(node["value"], given)
        return self._functions.call_function(node["value"], given)


# What the library looks up for each node, looked up once.
_VISITS = {name.removeprefix("visit_"): getattr(Search, name) for name in dir(Search) if name.startswith("visit_")}


def _check(function: str, given: list[Any]) -> None:
    """Raises TooCostly for what would make much of it, or compare whole objects."""
    match function, given:
        case ("join", [str(between), list(texts)]):
            if sum(len(text) + len(between) for text in texts if isinstance(text, str)) > JOINED_CHARS:
                raise TooCostly
        case ("to_string", [dict() | list()]) | ("contains", [_, dict() | list()]):
            raise TooCostly


def _literal(value: Any) -> Node:
    """For the library to do the rest with what was worked out already."""
    return {"type": "literal", "value": value, "children": []}


def _weight(value: Any) -> int:
    """Steps that a look through it costs."""
    return len(value) // (256 if isinstance(value, str) else 8) if isinstance(value, str | list | dict) else 0
