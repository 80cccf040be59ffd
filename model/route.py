"""Which events go where: what a route looks at, and whom an event concerns by the routes it took."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from model.event import Content, Mode, Phase, Severity

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An empty field matches everything; a filled one matches when the event's value, or one of them, is in it.

    `zones`: "scheme/code" as the issuer numbers them, or the zone that the roster gives a resource of the event.
    `resources`: "scheme/code".
    """

    sources: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()
    severities: tuple[Severity, ...] = ()
    modes: tuple[Mode, ...] = ()
    zones: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    def fits(self, source: str, content: Content, zones: frozenset[str], resources: frozenset[str]) -> bool:
        return (
            (not self.sources or source in self.sources)
            and (not self.programs or content.program in self.programs)
            and (not self.phases or content.phase in self.phases)
            and (not self.severities or content.severity in self.severities)
            and (not self.modes or content.mode in self.modes)
            and (not self.zones or not zones.isdisjoint(self.zones))
            and (not self.resources or not resources.isdisjoint(self.resources))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which events go to which team by which policy; the first that fits, and does not continue, decides.

    `continues`: its team is told too, and the people of its policy are called ("": nobody is), whatever follows.
    `drills_reach_management`: drills and tests take all steps of its policy.
    """

    id: str
    team: str
    policy: str
    match: Match = Match()
    continues: bool = False
    drills_reach_management: bool = False


class Routed(NamedTuple):
    """The route that decides, and those before it that fitted and went on."""

    route: Route
    also: tuple[Route, ...]


class Part(NamedTuple):
    """Whom an event concerns by one of its routes: a team, and the steps of the timetable that call for it.

    Each part escalates by itself and needs an answer of its own.
    """

    team: str
    steps: range

    def of(self, steps: Sequence[T]) -> Sequence[T]:
        """Those of the timetable's steps that are the part's."""
        return steps[self.steps.start : self.steps.stop]
