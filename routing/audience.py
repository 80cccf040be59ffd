"""Who is told at a step, in groups of one timezone and rotation, and which groups wait because they sleep. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from model.plan import PERSONAL, ChannelName
from model.roster import Person, Roster, Step, Wake
from routing.on_call import on_call


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """People called as one: same timezone, same rotation ("" for those a step names itself), all awake or none."""

    timezone: str
    rotation: str
    people: tuple[Person, ...]
    awake: bool

    @property
    def label(self) -> str:
        """What a notification's `group` says."""
        return f"{self.timezone} {self.rotation}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The people of one step, in rota order of each group's first member; nobody is in two groups.

    `awake_reachable`: somebody awake has a method this step can use. `missing`: ids of people and rotations that the
    step or a rota names and the roster does not have.
    """

    step_index: int
    groups: tuple[Group, ...]
    wake: Wake
    awake_reachable: bool
    missing: tuple[str, ...] = ()

    def now(self) -> tuple[Group, ...]:
        """The groups rung at the step's start: all of them when nobody awake can be reached."""
        if self._everybody_now:
            return self.groups
        return tuple(g for g in self.groups if g.awake)

    def later(self) -> tuple[Group, ...]:
        """The sleeping groups rung after the policy's asleep delay; none unless the step is awake_first."""
        if self._everybody_now or self.wake is not Wake.AWAKE_FIRST:
            return ()
        return tuple(g for g in self.groups if not g.awake)

    @property
    def _everybody_now(self) -> bool:
        return self.wake is Wake.ANY or not self.awake_reachable


def is_awake(person: Person, at: datetime) -> bool:
    """Whether `at` (aware) falls into the person's awake hours, by the wall clock of their timezone."""
    local = at.astimezone(ZoneInfo(person.timezone)).time()
    start, end = person.awake.start, person.awake.end
    if end <= start:
        return local >= start or local < end
    return start <= local < end


def audience(roster: Roster, step: Step, step_index: int, at: datetime, critical: bool) -> Audience:
    """Those on call at `at` in the step's rotations, then the people it names. `critical` wakes sleepers later on.

    Never raises for an unknown id: it is left out and listed in `missing`.
    """
    grouped: dict[tuple[str, str, bool], list[Person]] = {}
    missing: list[str] = [r for r in step.rotations if r not in roster.rotations]
    seen: set[str] = set()
    for person_id, rotation in _named(roster, step, at):
        person = roster.people.get(person_id)
        if person is None:
            missing.append(person_id)
        elif person_id not in seen:
            seen.add(person_id)
            grouped.setdefault((person.timezone, rotation, is_awake(person, at)), []).append(person)
    groups = tuple(
        Group(timezone=timezone, rotation=rotation, people=tuple(people), awake=awake)
        for (timezone, rotation, awake), people in grouped.items()
    )
    return Audience(
        step_index=step_index,
        groups=groups,
        wake=_wake(step.wake, critical),
        awake_reachable=any(g.awake and reachable(p, step.channels) for g in groups for p in g.people),
        missing=tuple(dict.fromkeys(missing)),
    )


def _named(roster: Roster, step: Step, at: datetime) -> Iterator[tuple[str, str]]:
    """Each person id with the rotation it is called as."""
    for rotation_id in step.rotations:
        if rota := roster.rotas.get(rotation_id):
            for person in on_call(rota, at):
                yield person, rotation_id
    for person in step.people:
        yield person, ""


def _wake(wake: Wake, critical: bool) -> Wake:
    return Wake.AWAKE_FIRST if critical and wake is Wake.AWAKE else wake


def reachable(person: Person, channels: Iterable[ChannelName]) -> bool:
    """True when the person has an address on one of a step's channels, or a Slack DM, which replaces what fails."""
    usable = (set(PERSONAL) & set(channels)) | {ChannelName.SLACK_DM}
    return any(person.address(channel) is not None for channel in usable)
