"""Somebody said that some events are noise for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from model.event import Event, Mode, Phase, Severity
from model.roster import OWN_SOURCE

LONGEST = timedelta(days=7)  # what is noise for longer belongs in a route
AT_ONCE = 100  # of them in force
OWN_NEWS = "quiet/"  # how the ids of the events begin that tell of silences: no silence holds them
SEVERITIES = tuple(severity for severity in Severity if severity is not Severity.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Which events: an empty field fits all, a filled one those whose value is in it. `resources`: "scheme/code"."""

    sources: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()
    severities: tuple[Severity, ...] = ()
    modes: tuple[Mode, ...] = ()
    resources: tuple[str, ...] = ()

    def fits(self, event: Event) -> bool:
        """By its latest statement and its highest severity so far. What Gridcall itself says must be named."""
        content = event.content
        if event.source == OWN_SOURCE and OWN_SOURCE not in self.sources:
            return False
        return (
            (not self.sources or event.source in self.sources)
            and (not self.programs or content.program in self.programs)
            and (not self.phases or content.phase in self.phases)
            and (not self.severities or event.severity in self.severities)
            and (not self.modes or content.mode in self.modes)
            and (not self.resources or self._names_only(event))
        )

    def _names_only(self, event: Event) -> bool:
        """An event about another resource too is not this noise."""
        named = {f"{resource.scheme}/{resource.code}" for resource in event.content.resources}
        return bool(named) and named <= set(self.resources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Nobody is told of events like `noise` from `since` until before `until`; they are kept."""

    id: str
    noise: Noise
    since: datetime
    until: datetime
    reason: str
    author: str
