"""Can a policy be kept at all: has anybody an address, and do the calls fit with every line free. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from model.phones import Phones
from model.plan import ChannelName
from model.roster import Objective, Policy, Roster
from routing.audience import audience, reachable
from routing.capacity import Call, Lines, grant


def out_of_reach(roster: Roster, phones: Phones, now: datetime) -> Iterator[str]:
    """A sentence for each policy whose objective cannot be reached: nobody, too few people, or too few calls in time.

    By who is on call now, with a critical event and every line free: worse is possible, better is not.
    """
    routed = {route.policy for route in roster.routes}
    for policy in roster.policies.values():
        if policy.id in routed and _tells_nobody(roster, policy):
            named = ", ".join(dict.fromkeys(person for step in policy.steps for person in step.people))
            yield f"policy {policy.id}: nobody is told: it names {named} alone, with no address on the steps' channels"
        elif policy.objective is Objective.EVERYONE:
            calls = list(_calls(roster, policy, now))
            reached = len(grant(calls, Lines(phones=phones), now))
            if reached < len(calls):
                yield (
                    f"policy {policy.id}: everyone must accept, and {reached} of {len(calls)} people can be called in "
                    f"time: {_arithmetic(policy, phones)}"
                )
        elif policy.objective is Objective.QUORUM:
            yield from _too_few(roster, policy, phones, now)


def _tells_nobody(roster: Roster, policy: Policy) -> bool:
    """Whoever is on call: of rotations the look ahead says who is missing."""
    return not any(
        step.rotations or any(reachable(roster.people[person], step.channels) for person in step.people)
        for step in policy.steps
    )


def _too_few(roster: Roster, policy: Policy, phones: Phones, now: datetime) -> Iterator[str]:
    told = len(_told(roster, policy, now))
    calls = list(_calls(roster, policy, now))
    reached = len(grant(calls, Lines(phones=phones), now))
    if told < policy.quorum:
        yield f"policy {policy.id}: quorum is {policy.quorum}, and all its steps tell {told}, by who is on call now"
    elif calls and reached < min(policy.quorum, len(calls)):
        yield (
            f"policy {policy.id}: quorum is {policy.quorum}, and {reached} of {len(calls)} people can be called in "
            f"time: {_arithmetic(policy, phones)}"
        )


def _arithmetic(policy: Policy, phones: Phones) -> str:
    holds = policy.ring_seconds + policy.call_seconds
    return (
        f"{phones}, up to {holds} s each, {policy.dial_margin_seconds} s of margin, sla_seconds is {policy.sla_seconds}"
    )


def _told(roster: Roster, policy: Policy, now: datetime) -> set[str]:
    """Everybody whom the steps would tell."""
    found = [(step, audience(roster, step, n, now, critical=True)) for n, step in enumerate(policy.steps)]
    return {
        person.id
        for step, there in found
        for group in there.groups
        for person in group.people
        if reachable(person, step.channels)
    }


def _calls(roster: Roster, policy: Policy, now: datetime) -> Iterator[Call]:
    holds = policy.holds
    until = now + timedelta(seconds=policy.sla_seconds - policy.dial_margin_seconds) - holds
    called: set[str] = set()
    for index, step in enumerate(policy.steps):
        due_at = now + timedelta(seconds=step.after_seconds)
        for group in audience(roster, step, index, now, critical=True).groups:
            for person in group.people:
                address = person.address(ChannelName.VOICE) if ChannelName.VOICE in step.channels else None
                if address and person.id not in called:
                    called.add(person.id)
                    yield Call(0, False, until, due_at, f"{len(called):09}", policy.id, holds)
