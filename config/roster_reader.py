"""Reads the sections of the roster file into the nouns of model/roster.py; docs/roster.md describes them."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from config import fields as f
from config import following
from config.fields import Fields, Parse, Problems, Wrong
from config.keys import KeySpec, Role, secret
from config.roster_checks import Reference, check, policy_problems
from config.rota_reader import RotaReader
from config.source_reader import SourceReader
from config.yaml_tree import Node
from model.event import Mode, Phase, Severity
from model.plan import PERSONAL, WAYS, ChannelName
from model.roster import (
    AwakeHours,
    ContactMethod,
    Level,
    Objective,
    PagerDutyMode,
    PagerDutyService,
    Person,
    Policy,
    ReadBack,
    Resource,
    Roster,
    Step,
    Team,
    Then,
    Wake,
)
from model.rota import Rotation
from model.route import Match, Route

T = TypeVar("T")

_DAY_SECONDS = 86_400
_seconds = f.whole(0, _DAY_SECONDS, "seconds")
_some_seconds = f.whole(1, _DAY_SECONDS, "seconds")

MOST_NEEDED = 10_000
MAX_VERSION = 999_999_999
MOST_REDIALS = 2  # with the first call three rings, which is what an event may ask of a person
MIN_REMINDER, MAX_REMINDER = 5, 10_080  # minutes; a week

# Where a person can be told but by phone, as the roster writes it.
ADDRESSES = {channel: address for channel in PERSONAL if (address := WAYS[channel].address)}


class Reader:
    """Reads section by section; references are checked at the end, so their order in the file does not matter."""

    def __init__(self, root: Node, problems: Problems) -> None:
        self._root = root
        self._problems = problems
        self._references: list[Reference] = []

    def read(self) -> tuple[Roster, tuple[KeySpec, ...], int | None]:
        """What the file says, and from which version it was exported; of use only when no problem was noted."""
        with Fields(self._root, self._problems) as top:
            people = self._named(top, "people", self._person)
            teams = self._named(top, "teams", self._team)
            rota = RotaReader(self._problems, self._ref)
            rotations = self._named(top, "rotations", rota.rotation)
            roster = Roster(
                people=people,
                teams=teams,
                rotations=rotations,
                overrides=self._listed(top, "overrides", partial(rota.override, _zones(rotations))),
                absences=self._listed(top, "absences", partial(rota.absence, _zones(people))),
                policies=self._policies(top),
                routes=self._listed(top, "routes", self._route),
                resources=self._listed(top, "resources", self._resource),
                sources=self._named(top, "sources", SourceReader(self._problems).source),
                admin_channel=top.optional("admin_channel", f.slack_channel, None),
            )
            keys = self._named(top, "keys", self._key)
            from_version = top.optional("from_version", f.whole(1, MAX_VERSION), None)
            check(top, people, self._references, self._problems)
        return roster, tuple(keys.values()), from_version

    # --- sections ---

    def _named(self, top: Fields, section: str, read: Callable[[str, Fields], T]) -> Mapping[str, T]:
        """A section of the shape id: fields. Written but empty is the same as left out."""
        node = top.optional(section, _mapping, None)
        return {name: self._entry(entry, partial(read, self._id(name, entry))) for name, entry in f.entries(node)}

    def _listed(self, top: Fields, section: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
        node = top.optional(section, _list, None)
        return tuple(self._entry(entry, read) for entry in f.items(node))

    def _entry(self, node: Node, read: Callable[[Fields], T]) -> T:
        with Fields(node, self._problems) as entry:
            return read(entry)

    def _nested(self, read: Callable[[Fields], T]) -> Parse[T]:
        """A parser for fields within a field."""
        return lambda node: self._entry(node, read)

    def _id(self, name: str, node: Node) -> str:
        if not f.SLUG.fullmatch(name):
            self._problems.add(node, f'expected a name of a-z, 0-9 and -, at most 63 long, found "{name}"')
        return name

    def _ref(self, section: str) -> Parse[str]:
        """A parser for the id of an entry of `section`."""

        def parse_ref(node: Node) -> str:
            name = f.text(node)
            self._references.append((section, node))
            return name

        return parse_ref

    # --- people and teams ---

    def _person(self, name: str, entry: Fields) -> Person:
        phone = entry.optional("phone", f.phone, None)
        sms = entry.optional("sms", _sms, phone)
        others = {c: entry.optional(a.field, partial(_like, a.pattern, a.expected), None) for c, a in ADDRESSES.items()}
        other_phone = entry.optional("other_phone", f.phone, None)
        if other_phone and phone in (None, other_phone) and (node := entry.given("other_phone")):
            self._problems.add(node, 'expected another number than "phone", which is called first')
        methods = (
            (ChannelName.VOICE, phone),
            (ChannelName.VOICE, other_phone),
            (ChannelName.SMS, sms),
            *others.items(),
        )
        fields = ["phone", "sms", *(address.field for address in ADDRESSES.values())]
        if not any((node := entry.given(field)) and node.value not in f.FALSE for field in fields):
            quoted = [f'"{field}"' for field in fields]
            named = f"{', '.join(quoted[:-1])} or {quoted[-1]}"
            self._problems.add(entry.node, f"expected {named}: nobody could be told otherwise")
        reminder = entry.optional("handoff_reminder", _reminder, None)
        if reminder and not (sms or others[ChannelName.SLACK_DM]) and (node := entry.given("handoff_reminder")):
            self._problems.add(node, 'needs "sms" or "slack": nobody is called for a reminder')
        return Person(
            id=name,
            name=entry.required("name", f.text, ""),
            timezone=entry.required("timezone", f.timezone, "UTC"),
            methods=tuple(ContactMethod(channel=channel, address=address) for channel, address in methods if address),
            awake=entry.optional("awake", self._nested(_awake), AwakeHours()),
            language=entry.optional("language", partial(_like, r"[a-z]{2}(-[A-Z]{2})?", "a language such as en"), "en"),
            pagerduty_user=entry.optional("pagerduty_user", f.text, None),
            handoff_reminder=reminder,
        )

    def _team(self, name: str, entry: Fields) -> Team:
        return Team(
            id=name,
            name=entry.required("name", f.text, ""),
            slack_channel=entry.optional("slack_channel", f.slack_channel, None),
            slack_test_channel=entry.optional("slack_test_channel", f.slack_channel, None),
            pagerduty=entry.optional("pagerduty", self._nested(_pagerduty), None),
        )

    # --- where events go ---

    def _policies(self, top: Fields) -> Mapping[str, Policy]:
        written, found = self._named(top, "policies", self._policy), {}
        for name, node in f.entries(top.given("policies")):
            found[name], wrong = following.whole(name, written)
            for problem in (*wrong, *policy_problems(found[name])):
                self._problems.add(node, problem)
        return found

    def _policy(self, name: str, entry: Fields) -> Policy:
        """With the steps of its own only."""
        default = Policy(id=name, steps=())
        return Policy(
            id=name,
            objective=entry.optional("objective", f.choice(Objective), default.objective),
            level=entry.optional("level", f.choice(Level), default.level),
            quorum=entry.optional("quorum", f.whole(1, MOST_NEEDED, "people"), default.quorum),
            sla_seconds=entry.optional("sla_seconds", _some_seconds, default.sla_seconds),
            ring_seconds=entry.optional("ring_seconds", f.whole(5, 600, "seconds"), default.ring_seconds),
            call_seconds=entry.optional("call_seconds", _some_seconds, default.call_seconds),
            learn_call_seconds=entry.optional("learn_call_seconds", f.truth, default.learn_call_seconds),
            dial_margin_seconds=entry.optional("dial_margin_seconds", _seconds, default.dial_margin_seconds),
            asleep_delay_seconds=entry.optional("asleep_delay_seconds", _seconds, default.asleep_delay_seconds),
            redials=entry.optional("redials", f.whole(0, MOST_REDIALS, "calls"), default.redials),
            redial_within_seconds=entry.optional("redial_within_seconds", _some_seconds, default.redial_within_seconds),
            page_again_seconds=entry.optional("page_again_seconds", _seconds, default.page_again_seconds),
            effective_at_counts=entry.optional("effective_at_counts", f.truth, default.effective_at_counts),
            read_back=entry.optional("read_back", f.choice(ReadBack), default.read_back),
            steps=entry.required("steps", f.each(self._nested(self._step)), ()),
            then=entry.optional("then", self._nested(self._then), None),
        )

    def _then(self, entry: Fields) -> Then:
        return Then(
            policy=entry.required("policy", self._ref("policies"), ""),
            after_seconds=entry.required("after_seconds", _seconds, 0),
        )

    def _step(self, entry: Fields) -> Step:
        step = Step(
            after_seconds=entry.required("after_seconds", _seconds, 0),
            rotations=entry.optional("rotations", f.no_doubles(f.each(self._ref("rotations"))), ()),
            people=entry.optional("people", f.no_doubles(f.each(self._ref("people"))), ()),
            wake=entry.optional("wake", f.choice(Wake), Wake.ANY),
            channels=entry.optional("channels", f.no_doubles(f.each(_personal)), (ChannelName.VOICE, ChannelName.SMS)),
            management=entry.optional("management", f.truth, False),
        )
        if not entry.given("rotations") and not entry.given("people"):
            self._problems.add(entry.node, 'expected "rotations" or "people": the step tells nobody')
        return step

    def _route(self, entry: Fields) -> Route:
        policy, continues = self._ref("policies"), entry.optional("continue", f.truth, False)
        return Route(
            id=entry.required("id", f.slug, ""),
            team=entry.required("team", self._ref("teams"), ""),
            policy=entry.optional("policy", policy, "") if continues else entry.required("policy", policy, ""),
            match=entry.optional("match", self._nested(self._match), Match()),
            continues=continues,
            drills_reach_management=entry.optional("drills_reach_management", f.truth, False),
        )

    def _match(self, entry: Fields) -> Match:
        return Match(
            sources=entry.optional("sources", f.each(self._ref("sources")), ()),
            programs=entry.optional("programs", f.each(f.text), ()),
            phases=entry.optional("phases", f.each(f.choice(Phase)), ()),
            severities=entry.optional("severities", f.each(f.choice(Severity)), ()),
            modes=entry.optional("modes", f.each(f.choice(Mode)), ()),
            zones=entry.optional("zones", f.each(f.text), ()),
            resources=entry.optional("resources", f.each(_place), ()),
        )

    def _resource(self, entry: Fields) -> Resource:
        return Resource(
            scheme=entry.required("scheme", f.text, ""),
            code=entry.required("code", f.text, ""),
            name=entry.required("name", f.text, ""),
            zone=entry.optional("zone", f.text, ""),
            timezone=entry.optional("timezone", f.timezone, "UTC"),
            contracted_mw=entry.optional("contracted_mw", f.megawatts, None),
            team=entry.optional("team", self._ref("teams"), None),
        )

    def _key(self, name: str, entry: Fields) -> KeySpec:
        role = entry.required("role", f.choice(Role), Role.OPERATOR)
        if (role is Role.UPSTREAM) != (entry.given("source") is not None):
            rule = "needs a source" if role is Role.UPSTREAM else "has no source"
            self._problems.add(entry.node, f"a key of role {role} {rule}")
        return KeySpec(
            id=name,
            role=role,
            source=entry.optional("source", self._ref("sources"), None),
            person=entry.optional("person", self._ref("people"), None),
            secret=entry.required("secret", secret, ""),
        )


def _zones(entries: Mapping[str, Person] | Mapping[str, Rotation]) -> Callable[[str], str]:
    """The timezone of an entry, UTC for one that is not there."""
    return lambda name: found.timezone if (found := entries.get(name)) else "UTC"


def _awake(entry: Fields) -> AwakeHours:
    return AwakeHours(
        start=entry.required("start", f.clock_time, AwakeHours().start),
        end=entry.required("end", f.clock_time, AwakeHours().end),
    )


def _pagerduty(entry: Fields) -> PagerDutyService:
    return PagerDutyService(
        routing_key=entry.required("routing_key", _routing_key, ""),
        mode=entry.optional("mode", f.choice(PagerDutyMode), PagerDutyMode.RECORD),
    )


def _sms(node: Node) -> str | None:
    return None if node.value in ("false", "no", "off") else f.phone(node)


def _reminder(node: Node) -> int | None:
    """Minutes before a handoff."""
    if node.value in ("off", "false", "no"):
        return None
    try:
        return f.whole(MIN_REMINDER, MAX_REMINDER)(node)
    except Wrong:
        expected = f"off, or a whole number of minutes from {MIN_REMINDER} to {MAX_REMINDER}"
        raise Wrong(node, expected) from None


def _place(node: Node) -> str:
    return _like(r"[^/]+/.+", 'a resource as "scheme/code"', node)


def _personal(node: Node) -> ChannelName:
    return ChannelName(f.one_of([c.value for c in PERSONAL], "a channel")(node))


def _routing_key(node: Node) -> str:
    if not isinstance(node.value, str) or not re.fullmatch(r"[A-Za-z0-9]{32}", node.value):
        raise Wrong(node, "an Events API v2 routing key of 32 letters and digits", "something else")
    return node.value


def _like(pattern: str, expected: str, node: Node) -> str:
    if not isinstance(node.value, str) or not re.fullmatch(pattern, node.value):
        raise Wrong(node, expected)
    return node.value


def _mapping(node: Node) -> Node:
    if node.value is not None and not isinstance(node.value, Mapping):
        raise Wrong(node, "entries of the shape name: fields")
    return node


def _list(node: Node) -> Node:
    if node.value is not None and not isinstance(node.value, list):
        raise Wrong(node, "a list")
    return node
