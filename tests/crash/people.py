"""Many people, each with numbers of their own, so that nobody waits for a busy line: the bench roster, extended."""

from dataclasses import replace

from bench import roster as bench
from bench.roster import program
from config.roster_file import RosterFile
from model.plan import ChannelName
from model.roster import ContactMethod, PagerDutyService, Roster, Team

__all__ = ["CALLED", "SECRET", "SETTINGS", "program", "roster"]

SECRET = "crash-suite-secret-bench"
CALLED = 100  # one person of so many is called, the first of all is
SETTINGS = {
    "GRIDCALL_SLACK_PER_SECOND": "1000",
    "GRIDCALL_TWILIO_LINES": "1000",
    "GRIDCALL_PERSON_LIMITS_TIMES": "1000",
    "GRIDCALL_TWILIO_CALLS_PER_SECOND": "100",
    "GRIDCALL_LOG_LEVEL": "warning",
}


def roster() -> RosterFile:
    """The bench roster by Slack, PagerDuty and text, one of CALLED by phone too. Each has a team, so that PagerDuty's
    limit of each service (2 a second) is not what is measured."""
    file = bench.roster()
    given = file.roster
    people = {
        id_: replace(p, methods=(*p.methods, ContactMethod(channel=ChannelName.SMS, address=f"+1556{n:07}")))
        for n, (id_, p) in enumerate(given.people.items())
    }
    policies = {
        # A line whose call ended while nobody could hear of it is asked about a minute after the call must be over.
        id_: replace(policy, steps=(replace(policy.steps[0], channels=_channels(n)),), ring_seconds=5, call_seconds=10)
        for n, (id_, policy) in enumerate(given.policies.items())
    }
    teams = {
        f"t{n}": Team(id=f"t{n}", name=f"Team {n}", pagerduty=PagerDutyService(routing_key=f"{n:032x}"))
        for n in range(bench.PEOPLE)
    }
    routes = tuple(replace(r, team=f"t{n % bench.PEOPLE}") for n, r in enumerate(given.routes))
    whole = Roster(people=people, teams=teams, policies=policies, routes=routes, sources=given.sources)
    return RosterFile(roster=whole, keys=tuple(replace(key, secret=SECRET) for key in file.keys))


def _channels(n: int) -> tuple[ChannelName, ...]:
    by_phone = (ChannelName.VOICE,) if n % CALLED == 0 else ()
    return (*by_phone, ChannelName.SMS, ChannelName.SLACK_DM)
