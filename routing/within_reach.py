"""Can a policy be kept at all: with every line free, by the arithmetic of its calls. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from model.phones import Phones
from model.plan import ChannelName
from model.roster import Objective, Policy, Roster
from routing.audience import audience
from routing.capacity import Call, Lines, grant


def out_of_reach(roster: Roster, phones: Phones, now: datetime) -> Iterator[str]:
    """A sentence for each policy by which everyone must accept and not everyone can be called in time.

    By who is on call now, with a critical event and every line free: worse is possible, better is not.
    """
    for policy in roster.policies.values():
        if policy.objective is Objective.EVERYONE:
            calls = list(_calls(roster, policy, now))
            reached = len(grant(calls, Lines(phones=phones), now))
            if reached < len(calls):
                holds = policy.ring_seconds + policy.call_seconds
                yield (
                    f"policy {policy.id}: everyone must accept, and {reached} of {len(calls)} people can be called in "
                    f"time: {phones}, up to {holds} s each, {policy.dial_margin_seconds} s of margin, "
                    f"sla_seconds is {policy.sla_seconds}"
                )


def _calls(roster: Roster, policy: Policy, now: datetime) -> Iterator[Call]:
    holds = timedelta(seconds=policy.ring_seconds + policy.call_seconds)
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
