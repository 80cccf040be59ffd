"""Who can be told, who covers what, and where events go. One immutable value; a change makes a new version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import accumulate, pairwise

from model.event import Also, Content, Event, MessageType, Mode
from model.hole import Numbered
from model.plan import ChannelName
from model.reading import NO_NAMES, Names
from model.rota import Absence, Override, Rota, Rotation
from model.route import Part, Route, Routed
from model.trust import BY_KEY, NO_RATE, USUAL_RATE, Rate, Trust
from model.upstream import Callback, History

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
        return next((m.address for m in self.methods if m.channel is channel), None)

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
    """After `after_seconds`, tell everybody on call in `rotations`, and `people`, on `channels`.

    `management`: not for drills and tests, unless the event's route says so.
    """

    after_seconds: int
    rotations: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    wake: Wake = Wake.ANY
    channels: tuple[ChannelName, ...] = (ChannelName.VOICE, ChannelName.SMS)
    management: bool = False


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
class Then:
    """A policy goes on with the steps of `policy`, whose seconds count from `after_seconds` on.

    `steps`: so many of the last ones are not its own.
    """

    policy: str
    after_seconds: int
    steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The escalation policy. Seconds count from our receipt of the revision that needs an answer.

    `steps`: its own, then those of the policies that it goes on with.
    `quorum`: how many people an objective `quorum` needs. `redials`: how often a person is called again whom a call did
    not reach, 0 for never; the same number begins to ring again within `redial_within_seconds` of its first call.
    `page_again_seconds`: who accepted is asked again when nothing was heard for so long, 0 for never.
    `learn_call_seconds`: plans reckon with how long calls of late were, where that is less than `call_seconds`.
    """

    id: str
    steps: tuple[Step, ...]
    objective: Objective = Objective.ANYONE
    level: Level = Level.ACKNOWLEDGED
    quorum: int = 1
    sla_seconds: int = 600
    ring_seconds: int = 25
    call_seconds: int = 90
    learn_call_seconds: bool = False
    dial_margin_seconds: int = 5
    asleep_delay_seconds: int = 150
    redials: int = 2
    redial_within_seconds: int = 170
    page_again_seconds: int = 0
    effective_at_counts: bool = True
    read_back: ReadBack = ReadBack.OFF
    then: Then | None = None

    @property
    def own_steps(self) -> tuple[Step, ...]:
        return self.steps[: len(self.steps) - (self.then.steps if self.then else 0)]

    @property
    def holds(self) -> timedelta:
        """How long a call may have its line."""
        return timedelta(seconds=self.ring_seconds + self.call_seconds)

    def without_management(self) -> "Policy":
        return replace(self, steps=tuple(step for step in self.steps if not step.management))

    def joined(self, others: Sequence["Policy"]) -> "Policy":
        """This one, with the steps of others after its own, by the soonest of their deadlines."""
        if not others:
            return self
        every = (self, *others)
        return replace(
            self,
            steps=tuple(step for policy in every for step in policy.steps),
            sla_seconds=min(policy.sla_seconds for policy in every),
            effective_at_counts=any(policy.effective_at_counts for policy in every),
        )


A_CALL = Policy(id="", steps=()).holds  # of a policy that nobody knows any more


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
    KINDS = "kinds"  # heartbeats, and events of some kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Late after `period_seconds` without a word, silent after `grace_seconds` more.

    With `cron`, on the clock of `timezone`, the period does not count: late when a word that is due then has not come
    `grace_seconds` later. One that comes so much too early is it. `kinds`: the events that count for `Counts.KINDS`, by
    their message type or their mode.
    """

    period_seconds: int = 300
    grace_seconds: int = 60
    cron: str = ""
    timezone: str = "UTC"
    counts: Counts = Counts.ANY
    kinds: tuple[MessageType | Mode, ...] = ()

    def shown_by(self, content: Content) -> bool:
        """Whether an event that says this is a sign of life."""
        if self.counts is Counts.KINDS:
            return content.message_type in self.kinds or content.mode in self.kinds
        return self.counts is Counts.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An upstream system. `heartbeat` None: nobody minds its silence. `also_confirm`: where the legal ack is given,
    `issuer_ack`: it must be, and be noted here.

    `names`: what the words of its format stand for. `rate`: how much of it is taken, None: the usual.
    `mapping`: JMESPath expressions by the fields of an event, for the format of that name. `numbered`: it numbers its
    messages, so that one that is missing is found. `history`: where it is asked for what we missed.
    `callback`: where it is told what became of its events. `group_by`: what near-identical events have in common, those
    received within `group_window_seconds` of each other ring once; 0: each rings.
    """

    id: str
    name: str
    format: str = "canonical"
    timezone: str = "UTC"
    critical: bool = False
    heartbeat: Heartbeat | None = Heartbeat()
    also_confirm: str = ""
    issuer_ack: bool = False
    names: Names = NO_NAMES
    trust: Trust = BY_KEY
    rate: Rate | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    numbered: Numbered | None = None
    history: History | None = None
    callback: Callback | None = None
    group_by: tuple[str, ...] = ()
    group_window_seconds: int = 0

    @property
    def merges(self) -> bool:
        return bool(self.group_by) and self.group_window_seconds > 0

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
    def _routed(self) -> dict[tuple[object, ...], Routed]:
        return {}

    def routed(self, source: str, content: Content) -> Routed:
        """The first route that fits and does not continue, the catch-all when none does, and those that do continue.

        Remembered by what routes look at: events of a feed differ in little of it, and rosters have many routes.
        Raises IndexError for a roster without routes.
        """
        zones, resources = self._places(content)
        seen = (source, content.program, content.phase, content.severity, content.mode, zones, resources)
        routed = self._routed.get(seen)
        if routed is None:
            if len(self._routed) >= ROUTES_REMEMBERED:
                self._routed.clear()
            fitting = [r for r in self.routes if r.match.fits(source, content, zones, resources)]
            routed = _first(fitting, self.routes[-1])
            self._routed[seen] = routed
        return routed

    def _places(self, content: Content) -> tuple[frozenset[str], frozenset[str]]:
        """The zones and resources of an event by which some route goes."""
        zones, resources = self._places_of_routes
        if not (zones or resources):
            return frozenset(), frozenset()
        known = [self.resource(r.scheme, r.code) for r in content.resources]
        named = {f"{z.scheme}/{z.code}" for z in content.zones} | {r.zone for r in known if r}
        return zones & named, resources & {f"{r.scheme}/{r.code}" for r in content.resources}

    @cached_property
    def _places_of_routes(self) -> tuple[frozenset[str], frozenset[str]]:
        matches = [route.match for route in self.routes]
        return frozenset(z for m in matches for z in m.zones), frozenset(r for m in matches for r in m.resources)

    def policy_for(self, routed: Routed) -> Policy:
        """What an event of those routes goes by."""
        return self.policies[routed.route.policy].joined(self._policies_of(also(routed)))

    def policy_of(self, event: Event) -> Policy:
        """What the event goes by; when its policy was taken out since, that of the route it would take today.

        The steps of the policies of its other routes follow those of its own; those for management only are left out of
        drills and tests.
        """
        own = self._own_policy(event)
        return own.joined(self._others_policies(event)) if event.also else own

    def parts_of(self, event: Event) -> tuple[Part, ...]:
        """Which steps of `policy_of` call for which team, the deciding route's first."""
        others = [other for other in event.also if other.policy in self.policies]
        lengths = [len(policy.steps) for policy in (self._own_policy(event), *self._others_policies(event))]
        steps = [range(*ends) for ends in pairwise(accumulate(lengths, initial=0))]
        return tuple(map(Part, (self.team_of(event).id, *(other.team for other in others)), steps))

    def team_of(self, event: Event) -> Team:
        """Whose the event is; when its team was taken out since, that of the route it would take today."""
        return self.teams.get(event.team) or self.teams[self._route_of(event).team]

    def teams_of(self, event: Event) -> tuple[Team, ...]:
        """All whom its routes tell, its own first."""
        others = (self.teams[other.team] for other in event.also if other.team in self.teams)
        return tuple({team.id: team for team in (self.team_of(event), *others)}.values())

    def _own_policy(self, event: Event) -> Policy:
        policy = self.policies.get(event.policy) or self.policies[self._route_of(event).policy]
        return self._as_meant(policy, event, event.route)

    def _others_policies(self, event: Event) -> list[Policy]:
        others = (other for other in event.also if other.policy in self.policies)
        return [self._as_meant(self.policies[other.policy], event, other.route) for other in others]

    def _as_meant(self, policy: Policy, event: Event, route: str) -> Policy:
        """Of what is not real, management hears by those routes only that say so."""
        if event.content.mode is Mode.ACTUAL or route in self._routes_to_management:
            return policy
        return policy.without_management()

    @cached_property
    def shortest_call(self) -> timedelta:
        """How long a call by any of its policies has its line at least, as far as nothing is learned."""
        return min((policy.holds for policy in self.policies.values()), default=A_CALL)

    @cached_property
    def asks_again(self) -> bool:
        """Somebody who accepted may be called and asked whether it is in hand."""
        return any(policy.page_again_seconds for policy in self.policies.values())

    @cached_property
    def _routes_to_management(self) -> frozenset[str]:
        return frozenset(route.id for route in self.routes if route.drills_reach_management)

    def _policies_of(self, others: Sequence[Also]) -> list[Policy]:
        return [self.policies[other.policy] for other in others if other.policy in self.policies]

    def _route_of(self, event: Event) -> Route:
        return self.routed(event.source, event.content).route

    def resource(self, scheme: str, code: str) -> Resource | None:
        return self._resource_by_ref.get((scheme, code))

    def person_at(self, channel: ChannelName, address: str) -> Person | None:
        """Whose address it is, None for a stranger's."""
        return self._person_by_address.get((channel, address))

    def person_texting(self, number: str) -> Person | None:
        """Who writes from there: whose texts go to it, or the only one whose calls do; None for a stranger."""
        calls_go_there = [p for p in self.people.values() if number in p.addresses(ChannelName.VOICE)]
        return self.person_at(ChannelName.SMS, number) or (calls_go_there[0] if len(calls_go_there) == 1 else None)

    def person_in_pagerduty(self, *names: str) -> Person | None:
        """Who has one of these ids or e-mail addresses at PagerDuty."""
        known = self._person_by_pagerduty
        return next((known[name.casefold()] for name in names if name.casefold() in known), None)


def _first(fitting: Sequence[Route], catch_all: Route) -> Routed:
    route = next((r for r in fitting if not r.continues), catch_all)
    before = fitting[: fitting.index(route)] if route in fitting else fitting
    return Routed(route, tuple(before))


def also(routed: Routed) -> tuple[Also, ...]:
    """Whom the routes that went on concern; people are called once by a policy, whichever route names it."""
    found: list[Also] = []
    for route in routed.also:
        known = {routed.route.policy, *(other.policy for other in found)}
        found.append(Also(route.id, route.team, "" if route.policy in known else route.policy))
    return tuple(found)
