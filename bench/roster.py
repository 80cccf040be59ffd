"""The bench roster: many people, each with a number and a DM of their own, one recipient for each event in turn."""

from dataclasses import replace

from bench import coverage
from config.keys import KeySpec, Role
from config.roster_file import RosterFile
from model.plan import ChannelName
from model.roster import ContactMethod, Person, Policy, Roster, Source, Step, Team
from model.route import Match, Route
from model.trust import NO_RATE

SECRET = "demo-bench"
PING = "gcp_bench"
READER = "demo-bench-reader"
PEOPLE = 2000


def program(n: int) -> str:
    """The program whose events go to person number n."""
    return f"P{n % PEOPLE:04}"


def user(n: int) -> str:
    """The Slack user of person number n."""
    return f"U{n % PEOPLE:05}"


def roster() -> RosterFile:
    people = {f"p{n}": _person(n) for n in range(PEOPLE)}
    policies = {f"to-p{n}": _policy(n) for n in range(PEOPLE)}
    routes = [
        Route(id=f"r{n}", team="ops", policy=f"to-p{n}", match=Match(programs=(program(n),))) for n in range(PEOPLE)
    ]
    whole = Roster(
        people=people,
        teams={"ops": Team(id="ops", name="Bench")},
        policies=policies,
        routes=(*routes, Route(id="all", team="ops", policy="to-p0")),
        sources={"bench": Source(id="bench", name="Bench", heartbeat=None, rate=NO_RATE)},
    )
    return RosterFile(roster=whole, keys=(KeySpec(id="bench", role=Role.UPSTREAM, source="bench", secret=SECRET),))


def crowd() -> RosterFile:
    """5,000 people in 500 rotations, and somebody who may ask for them."""
    whole = replace(coverage.roster(), sources={"bench": Source(id="bench", name="Bench", heartbeat=None)})
    return RosterFile(roster=whole, keys=(KeySpec(id="reader", role=Role.OPERATOR, secret=READER),))


def _person(n: int) -> Person:
    return Person(
        id=f"p{n}",
        name=f"Person {n}",
        timezone="UTC",
        methods=(
            ContactMethod(channel=ChannelName.VOICE, address=f"+1555{n:07}"),
            ContactMethod(channel=ChannelName.SLACK_DM, address=user(n)),
        ),
    )


def _policy(n: int) -> Policy:
    step = Step(after_seconds=0, people=(f"p{n}",), channels=(ChannelName.SLACK_DM,))
    return Policy(id=f"to-p{n}", steps=(step,), sla_seconds=600)
