"""Policies that go on with the steps of another one (`then`), read whole: whoever goes by one sees all its steps."""

from collections.abc import Mapping
from dataclasses import replace

from model.roster import Policy, Step

MAX_STEPS = 100  # of one policy, those it goes on with among them


def whole(name: str, policies: Mapping[str, Policy]) -> tuple[Policy, tuple[str, ...]]:
    """The policy with the steps of those it goes on with, and what is wrong with that, in sentences.

    A circle is told to each policy in it, with the way round; a name that is none of `policies` ends the way.
    """
    policy = policies[name]
    steps, way, after, at = list(policy.steps), [name], 0, policy
    while at.then is not None and at.then.policy in policies and len(steps) <= MAX_STEPS:
        way.append(at.then.policy)
        if way[-1] == name:
            return policy, (f'"then" goes round in a circle: {" -> ".join(way)}',)
        if way[-1] in way[:-1]:
            return policy, ()
        after, at = after + at.then.after_seconds, policies[at.then.policy]
        steps += _later(at.steps, after)
    if len(steps) > MAX_STEPS:
        return policy, (f"expected at most {MAX_STEPS} steps, with those that it goes on with",)
    if policy.then is None:
        return policy, ()
    followed = len(steps) - len(policy.steps)
    return replace(policy, steps=tuple(steps), then=replace(policy.then, steps=followed)), ()


def _later(steps: tuple[Step, ...], seconds: int) -> list[Step]:
    return [replace(step, after_seconds=step.after_seconds + seconds) for step in steps]
