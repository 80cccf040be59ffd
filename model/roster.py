"""Who can be told, who covers what, and where events go. One immutable value; a change makes a new version."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from enum import StrEnum
from functools import cached_property

from model.event import Content, Event, Mode, Phase, Severity
from model.plan import ChannelName
from model.reading import NO_NAMES, Names
from model.rota import Absence, Override, Rota, Rotation
from model.trust import BY_KEY, NO_RATE, USUAL_RATE, Rate, Trust

# The source of the events that Gridcall itself raises: unreadable messages, late and silent sources.
OWN_SOURCE = "gridcall"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactMethod:
    """One way to reach a person. `address`: E.164 for voice and sms, Slack user id for slack_dm."""

    channel: ChannelName
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwakeHours:
    """Local wall time at which a person is expected to be awake; `end` <= `start` means the next day."""

    start: time = time(7)
    end: time = time(22)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: str
    name: str
    timezone: str
    methods: tuple[ContactMethod, ...] = ()
    awake: AwakeHours = AwakeHours()
    language: str = "en"
    pagerduty_user: str | None = None  # id or e-mail address there
    handoff_reminder: int | None = None  # minutes before they come on call or go off

    def address(self, channel: ChannelName) -> str | None:
        """The first address on that channel, None when there is none."""
        return next(iter(self.addresses(channel)), None)

    def addresses(self, channel: ChannelName) -> tuple[str, ...]:
        """All addresses on that channel, the first choice first."""
        return tuple(m.address for m in self.methods if m.channel is channel)


class PagerDutyMode(StrEnum):
    RECORD = "record"  # PagerDuty keeps the record; it becomes critical when nobody answers us
    PRIMARY = "primary"  # PagerDuty calls and we do not


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyService:
    routing_key: str = field(repr=False)
    mode: PagerDutyMode = PagerDutyMode.RECORD


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    id: str
    name: str
    slack_channel: str | None = None
    slack_test_channel: str | None = None
    pagerduty: PagerDutyService | None = None


class Wake(StrEnum):
    """Which groups of a step are rung first."""

    ANY = "any"
    AWAKE = "awake"
    AWAKE_FIRST = "awake_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """After `after_seconds`, tell everybody on call in `rotations`, and `people`, on `channels`."""

    after_seconds: int
    rotations: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    wake: Wake = Wake.ANY
    channels: tuple[ChannelName, ...] = (ChannelName.VOICE, ChannelName.SMS)


class Objective(StrEnum):
    """Who must accept for the deadline to be kept."""

    ANYONE = "anyone"
    EVERYONE = "everyone"  # of all steps
    QUORUM = "quorum"  # so many of them as the policy says


class Level(StrEnum):
    """What a person must have done to count."""

    ACKNOWLEDGED = "acknowledged"  # accepted, by a key, a button, a word or the API
    REACHED = "reached"  # that, or picked up a phone that no machine answered; who cannot comply does not count


class ReadBack(StrEnum):
    """What somebody who accepts by phone keys in to show that they understood."""

    OFF = "off"
    MEGAWATTS = "megawatts"
    REFERENCE = "reference"  # its last three digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The escalation policy. Seconds count from our receipt of the revision that needs an answer.

    `quorum`: how many people an objective `quorum` needs. `redials`: how often a person is called again whom a call did
    not reach, 0 for never; the same number begins to ring again within `redial_within_seconds` of its first call.
    """

    id: str
    steps: tuple[Step, ...]
    objective: Objective = Objective.ANYONE
    level: Level = Level.ACKNOWLEDGED
    quorum: int = 1
    sla_seconds: int = 600
    ring_seconds: int = 25
    call_seconds: int = 90
    dial_margin_seconds: int = 5
    asleep_delay_seconds: int = 150
    redials: int = 2
    redial_within_seconds: int = 170
    effective_at_counts: bool = True
    read_back: ReadBack = ReadBack.OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An empty field matches everything; a filled one matches when the event's value is in it."""

    sources: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()
    severities: tuple[Severity, ...] = ()
    modes: tuple[Mode, ...] = ()

    def fits(self, source: str, content: Content) -> bool:
        return (
            (not self.sources or source in self.sources)
            and (not self.programs or content.program in self.programs)
            and (not self.phases or content.phase in self.phases)
            and (not self.severities or content.severity in self.severities)
            and (not self.modes or content.mode in self.modes)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which events go to which team by which policy; the first that fits decides."""

    id: str
    team: str
    policy: str
    match: Match = Match()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    scheme: str
    code: str
    name: str
    zone: str = ""
    timezone: str = "UTC"
    contracted_mw: float | None = None
    team: str | None = None


class Counts(StrEnum):
    """What of a source shows that it is alive."""

    ANY = "any"
    HEARTBEATS = "heartbeats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Late after `period_seconds` without a word, silent after `grace_seconds` more.

    With `cron`, on the clock of `timezone`, the period does not count: late when a word that is due then has not come
    `grace_seconds` later. One that comes so much too early is it.
    """

    period_seconds: int = 300
    grace_seconds: int = 60
    cron: str = ""
    timezone: str = "UTC"
    counts: Counts = Counts.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An upstream system. `heartbeat` None: nobody minds its silence. `also_confirm`: where the legal ack is given.

    `names`: what the words of its format stand for. `rate`: how much of it is taken, None: the usual.
    `mapping`: JMESPath expressions by the fields of an event, for the format of that name.
    """

    id: str
    name: str
    format: str = "canonical"
    timezone: str = "UTC"
    critical: bool = False
    heartbeat: Heartbeat | None = Heartbeat()
    also_confirm: str = ""
    names: Names = NO_NAMES
    trust: Trust = BY_KEY
    rate: Rate | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)

    @property
    def limit(self) -> Rate | None:
        """None: as many as come. Nobody holds up a critical source, unless its rate is given."""
        if self.rate is None:
            return None if self.critical else USUAL_RATE
        return None if self.rate == NO_RATE else self.rate


ROUTES_REMEMBERED = 10_000


@dataclass(frozen=True, kw_only=True)
class Roster:
    """Everything above, by id, at one version. `routes` ends with the catch-all."""

    version: int = 0
    people: Mapping[str, Person] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    rotations: Mapping[str, Rotation] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    absences: tuple[Absence, ...] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    resources: tuple[Resource, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    admin_channel: str | None = None

    @cached_property
    def _resource_by_ref(self) -> Mapping[tuple[str, str], Resource]:
        return {(r.scheme, r.code): r for r in self.resources}

    @cached_property
    def _person_by_address(self) -> Mapping[tuple[ChannelName, str], Person]:
        return {(m.channel, m.address): p for p in self.people.values() for m in p.methods}

    @cached_property
    def _person_by_pagerduty(self) -> Mapping[str, Person]:
        return {p.pagerduty_user.casefold(): p for p in self.people.values() if p.pagerduty_user}

    @cached_property
    def shortest_call(self) -> timedelta | None:
        """What a call takes by the policy that gives it least. None without a policy."""
        seconds = (policy.ring_seconds + policy.call_seconds for policy in self.policies.values())
        return min((timedelta(seconds=each) for each in seconds), default=None)

    @cached_property
    def rotas(self) -> Mapping[str, Rota]:
        """Each rotation with its overrides and the absences of those who may be named in it."""
        overrides: dict[str, list[Override]] = {}
        for override in self.overrides:
            overrides.setdefault(override.rotation, []).append(override)
        absences: dict[str, list[Absence]] = {}
        for absence in self.absences:
            absences.setdefault(absence.person, []).append(absence)
        return {
            r.id: replace(rota, absences=tuple(a for p in sorted(rota.people & absences.keys()) for a in absences[p]))
            for r in self.rotations.values()
            for rota in [Rota(rotation=r, overrides=tuple(overrides.get(r.id, ())))]
        }

    @cached_property
    def _routed(self) -> dict[tuple[object, ...], Route]:
        return {}

    def route(self, source: str, content: Content) -> Route:
        """The first route that fits; the catch-all when none does. Raises IndexError for a roster without routes.

        Remembered by what routes look at: events of a feed differ in little of it, and rosters have many routes.
        """
        seen = (source, content.program, content.phase, content.severity, content.mode)
        route = self._routed.get(seen)
        if route is None:
            if len(self._routed) >= ROUTES_REMEMBERED:
                self._routed.clear()
            route = next((r for r in self.routes if r.match.fits(source, content)), self.routes[-1])
            self._routed[seen] = route
        return route

    def policy_of(self, event: Event) -> Policy:
        """What the event goes by; when its policy was taken out since, that of the route it would take today."""
        return self.policies.get(event.policy) or self.policies[self._route_of(event).policy]

    def team_of(self, event: Event) -> Team:
        """Whose the event is; when its team was taken out since, that of the route it would take today."""
        return self.teams.get(event.team) or self.teams[self._route_of(event).team]

    def _route_of(self, event: Event) -> Route:
        return self.route(event.source, event.content)

    def resource(self, scheme: str, code: str) -> Resource | None:
        return self._resource_by_ref.get((scheme, code))

    def person_at(self, channel: ChannelName, address: str) -> Person | None:
        """Whose address it is, None for a stranger's."""
        return self._person_by_address.get((channel, address))

    def person_in_pagerduty(self, *names: str) -> Person | None:
        """Who has one of these ids or e-mail addresses at PagerDuty."""
        known = self._person_by_pagerduty
        return next((known[name.casefold()] for name in names if name.casefold() in known), None)
