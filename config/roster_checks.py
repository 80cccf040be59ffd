"""What no single entry of the roster file can tell: references, the order of routes, things that may be there once."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise

from config import fields as f
from config.fields import Fields, Problems
from config.yaml_tree import Node
from model.plan import ChannelName
from model.roster import Objective, Person, Policy

Reference = tuple[str, Node]  # the section that must have an entry of that name, and where the name stands
_Key = Callable[[Node], tuple[str, ...]]


def check(top: Fields, people: Mapping[str, Person], references: Iterable[Reference], problems: Problems) -> None:
    """Note everything about the whole file that is wrong. `people`: as they were read."""
    _check_references(top, references, problems)
    _check_catch_all(top, problems)
    routes, resources = f.items(top.given("routes")), f.items(top.given("resources"))
    keys = [node for _, node in f.entries(top.given("keys"))]
    for nodes, key, rule in (
        (routes, _texts("id"), "its id is another route's too"),
        (resources, _texts("scheme", "code"), "the same resource as one before"),
        (keys, _texts("secret"), "its secret is another key's too"),
    ):
        _check_once(((node, key(node)) for node in nodes), rule, problems)
    _check_people(top, people, problems)


def _check_people(top: Fields, people: Mapping[str, Person], problems: Problems) -> None:
    """An answer from an address must say who answered. Compared is what is stored, not how somebody has typed it."""
    nodes = dict(f.entries(top.given("people")))
    for whose, rule in (
        (_address(ChannelName.SMS), 'its SMS number is another person\'s too: set "sms: false" for one of them'),
        (_address(ChannelName.SLACK_DM), "its Slack user is another person's too"),
        (_pagerduty_user, "its PagerDuty user is another person's too"),
    ):
        _check_once(((nodes[name], whose(person)) for name, person in people.items()), rule, problems)


def policy_problems(policy: Policy) -> list[str]:
    """What keeps the policy from ever being kept, in sentences."""
    found = []
    needed = policy.ring_seconds + policy.call_seconds + policy.dial_margin_seconds
    if needed > policy.sla_seconds:
        found.append(
            f"no call can ever finish in time: ring_seconds {policy.ring_seconds} + call_seconds {policy.call_seconds}"
            f" + dial_margin_seconds {policy.dial_margin_seconds} = {needed}, sla_seconds is {policy.sla_seconds}"
        )
    found += _too_late_for_anyone(policy, needed)
    starts = [step.after_seconds for step in policy.steps]
    if any(b < a for a, b in pairwise(starts)):
        found.append(f"expected the steps in order of after_seconds, found {starts}")
    if policy.objective is Objective.EVERYONE:
        found += _too_late_for_everyone(policy, needed)
    if starts and max(starts) >= policy.sla_seconds:
        found.append(f"a step at {max(starts)} s comes after the deadline, sla_seconds is {policy.sla_seconds}")
    return found


def _too_late_for_anyone(policy: Policy, needed: int) -> Iterator[str]:
    """Every step that calls begins so late that none of its calls can be over in time."""
    starts = [step.after_seconds for step in policy.steps if ChannelName.VOICE in step.channels]
    if starts and needed <= policy.sla_seconds < min(starts) + needed:
        yield (
            f"no step calls in time: the first call is at after_seconds {min(starts)} + {needed} for a call"
            f" = {min(starts) + needed}, sla_seconds is {policy.sla_seconds}"
        )


def _too_late_for_everyone(policy: Policy, needed: int) -> Iterator[str]:
    """Steps whose calls can never be over in time, though all their people must accept."""
    for number, step in enumerate(policy.steps, start=1):
        late = step.after_seconds + needed > policy.sla_seconds >= needed and ChannelName.VOICE in step.channels
        if late and step.after_seconds < policy.sla_seconds:
            yield (
                f"everyone must accept, and step {number} calls too late: after_seconds {step.after_seconds}"
                f" + {needed} for a call = {step.after_seconds + needed}, sla_seconds is {policy.sla_seconds}"
            )


def _check_references(top: Fields, references: Iterable[Reference], problems: Problems) -> None:
    names = cache(lambda section: {name: None for name, _ in f.entries(top.given(section))})
    for section, node in references:
        if node.value not in names(section):
            hint = f.did_you_mean(str(node.value), names(section))
            problems.add(node, f'expected the name of one of {section}, found "{node.value}"{hint}')


def _check_catch_all(top: Fields, problems: Problems) -> None:
    """The last route, and only that, matches everything."""
    routes = list(f.items(top.given("routes")))
    if not routes or not _fits_all(routes[-1]):
        node = routes[-1] if routes else top.node
        problems.add(node, 'expected a catch-all as the last of the routes: one without "match"')
    if routes and _continues(routes[-1]):
        problems.add(routes[-1], 'the last of the routes decides: take out "continue"')
    for route in routes[:-1]:
        if _fits_all(route) and not _continues(route):
            problems.add(route, 'matches everything, so the routes after it are never reached: add "match"')


def _check_once(found: Iterable[tuple[Node, Hashable]], rule: str, problems: Problems) -> None:
    seen: set[Hashable] = set()
    for node, value in found:
        if value:
            if value in seen:
                problems.add(node, rule)
            seen.add(value)


def _texts(*names: str) -> _Key:
    """The texts of those fields of a node, () unless all are there."""

    def key(node: Node) -> tuple[str, ...]:
        if not isinstance(node.value, Mapping):
            return ()
        values = tuple(v.value for n in names if (v := node.value.get(n)) and isinstance(v.value, str))
        return values if len(values) == len(names) else ()

    return key


def _address(channel: ChannelName) -> Callable[[Person], str | None]:
    return lambda person: person.address(channel)


def _pagerduty_user(person: Person) -> str | None:
    """In one case: so whoever answers there is found."""
    return person.pagerduty_user and person.pagerduty_user.casefold()


def _continues(route: Node) -> bool:
    told = route.value.get("continue") if isinstance(route.value, Mapping) else None
    return told is not None and told.value in f.TRUE


def _fits_all(route: Node) -> bool:
    if not isinstance(route.value, Mapping):
        return False
    match = route.value.get("match")
    return match is None or match.value == {}
