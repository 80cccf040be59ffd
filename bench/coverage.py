"""What the guard of a save, the look of a night and the reminders cost with 500 rotations of 5,000 people."""

import gc
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from time import perf_counter

from app.coverage import looked
from app.roster_effect import effect
from bench.oncall import DAY, START, rota
from model.plan import ChannelName
from model.roster import ContactMethod, Person, Policy, Roster, Step, Team
from model.rota import Override, OverrideAction, Rota
from model.route import Route
from routing.coverage import Sliced, T
from routing.reminding import coming_handoffs

PEOPLE, ROTATIONS, DAYS = 5_000, 500, 60


async def run() -> None:
    one = roster()
    cover = Override(rotation="r0", action=OverrideAction.ADD, person="p1", start=START + 5 * DAY, end=START + 6 * DAY)
    other = replace(one, overrides=(*one.overrides, cover))
    gc.collect()
    gc.freeze()  # as a service does with what stays
    began = perf_counter()
    effect(one, other, START)
    print(f"coverage: effect and guard of one cover among {ROTATIONS} rotations: {_since(began):.0f} ms")
    slices = _slices(looked(one, START, DAYS))
    print(
        f"coverage: {DAYS} days of {ROTATIONS} rotations: {sum(slices) / 1000:.1f} s in {len(slices)} slices, "
        f"the longest {max(slices):.0f} ms"
    )
    began = perf_counter()
    found = await coming_handoffs(one, START + DAY / 2)
    print(f"coverage: {len(found.handoffs)} handoffs of the next hours: {_since(began):.0f} ms, in slices")


def _slices(sliced: Sliced[T]) -> list[float]:
    """How long each took, in ms."""
    took: list[float] = []
    while True:
        began = perf_counter()
        try:
            next(sliced)
        except StopIteration:
            return [*took, _since(began)]
        took.append(_since(began))


def _since(began: float) -> float:
    return 1000 * (perf_counter() - began)


def roster() -> Roster:
    """Teams of a primary and a secondary in one policy; everybody wishes a reminder."""
    random = Random(4127)
    rotas = [_of_the_house(rota(n, layers=3), n, random) for n in range(ROTATIONS)]
    policies = {f"policy{n}": _policy(f"policy{n}", 2 * n) for n in range(ROTATIONS // 2)}
    return Roster(
        people={f"p{n}": _person(f"p{n}") for n in range(PEOPLE)},
        teams={f"team{n}": Team(id=f"team{n}", name="Bench") for n in range(ROTATIONS // 2)},
        rotations={r.rotation.id: r.rotation for r in rotas},
        overrides=tuple(o for r in rotas for o in r.overrides),
        policies=policies,
        routes=tuple(Route(id=name, team="team0", policy=name) for name in policies),
    )


def _of_the_house(of: Rota, number: int, random: Random) -> Rota:
    """With people of the house in the place of its own."""
    who = {name: f"p{random.randrange(PEOPLE)}" for name in sorted(of.people)}

    def turns(participants: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(who[person] for person in turn) for turn in participants)

    layers = tuple(replace(layer, participants=turns(layer.participants)) for layer in of.rotation.layers)
    rotation = replace(of.rotation, team=f"team{number // 2}", layers=layers)
    return Rota(rotation=rotation, overrides=tuple(replace(o, person=who[o.person or ""]) for o in of.overrides))


def _person(name: str) -> Person:
    method = ContactMethod(channel=ChannelName.VOICE, address=f"U{name}")
    return Person(id=name, name=name, timezone="UTC", methods=(method,), handoff_reminder=60)


def _policy(name: str, first: int) -> Policy:
    steps = (Step(after_seconds=0, rotations=(f"r{first}",)), Step(after_seconds=300, rotations=(f"r{first + 1}",)))
    return Policy(id=name, steps=steps)
