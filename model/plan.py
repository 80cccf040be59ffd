"""The timetable of an event: who is told what, on which channel, when; and what the router must look at later."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from model.call_lengths import Length


class ChannelName(StrEnum):
    VOICE = "voice"
    SMS = "sms"
    SLACK_DM = "slack_dm"
    SLACK_CHANNEL = "slack_channel"
    PAGERDUTY = "pagerduty"
    WEBHOOK = "webhook"


class Form(StrEnum):
    """What a channel makes of the words."""

    SPEECH = "speech"
    TEXT = "text"
    POST = "post"  # text with blocks and buttons
    DATA = "data"  # a headline, and the event as fields for a machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """How the roster names where a person is told: the field, a pattern for all of it, and what that is in words."""

    field: str
    pattern: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What everybody must know of a channel; the rest is in its own file of notifiers/channels.

    `at_once`: sends of it that one process has under way. `expected_seconds`: until a send has reached somebody; a
    retry that would end later is not started. `personal`: a step may name it. `address`: where it differs from a phone
    number, None for phones and what is the team's. `secret`: nothing of an address is shown. `together`: so many events
    may be told by one message, and so many of them (`named`) in words; a call or a post is about those that it names,
    and names as many as have room.
    """

    form: Form
    at_once: int
    expected_seconds: float
    personal: bool = False
    address: Address | None = None
    secret: bool = False
    together: int = 1
    named: int = 1


SLACK_USER = Address(field="slack", pattern=r"[UW][A-Z0-9]{2,20}", expected="a Slack user id such as U024BE7LH")

WEB_ADDRESS = Address(
    field="webhook",
    pattern=r"https?://[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?(?::[0-9]{1,5})?(?:/[!-~]{0,500})?",
    expected="an address such as https://scada.example/alerts",
)

WAYS: Mapping[ChannelName, Way] = {
    # `until` of a call is already the last instant it may start
    ChannelName.VOICE: Way(form=Form.SPEECH, at_once=20, expected_seconds=0.0, personal=True, together=100, named=3),
    ChannelName.SMS: Way(form=Form.TEXT, at_once=20, expected_seconds=5.0, personal=True, together=500, named=8),
    ChannelName.SLACK_DM: Way(
        form=Form.POST,
        at_once=50,
        expected_seconds=2.0,
        personal=True,
        address=SLACK_USER,
        together=100,
        named=100,
    ),
    ChannelName.SLACK_CHANNEL: Way(form=Form.POST, at_once=20, expected_seconds=2.0, together=100, named=100),
    ChannelName.PAGERDUTY: Way(form=Form.DATA, at_once=4, expected_seconds=2.0, secret=True),
    ChannelName.WEBHOOK: Way(
        form=Form.DATA, at_once=20, expected_seconds=2.0, personal=True, address=WEB_ADDRESS, secret=True
    ),
}
PERSONAL = tuple(channel for channel, way in WAYS.items() if way.personal)


class State(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    DELIVERED = "delivered"
    ANSWERED = "answered"
    ACKNOWLEDGED = "acknowledged"
    DECLINED = "declined"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"

    @property
    def terminal(self) -> bool:
        return self in TERMINAL

    def may_become(self, other: "State") -> bool:
        return other in TRANSITIONS[self]


TERMINAL = frozenset({State.ACKNOWLEDGED, State.DECLINED, State.FAILED, State.EXPIRED, State.SUPERSEDED})
_ENDS = frozenset({State.EXPIRED, State.SUPERSEDED, State.FAILED})
_HEARD = frozenset({State.DELIVERED, State.ANSWERED, State.ACKNOWLEDGED, State.DECLINED})

# The whole life of a notification. Everything not listed is refused, so late receipts never move a row backwards.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset({State.SENDING}) | _ENDS,
    State.SENDING: frozenset({State.SENT, State.UNKNOWN, State.PENDING}) | _HEARD | _ENDS,
    State.UNKNOWN: frozenset({State.SENT, State.PENDING}) | _HEARD | _ENDS,
    State.SENT: _HEARD | _ENDS,
    State.DELIVERED: frozenset({State.ANSWERED, State.ACKNOWLEDGED, State.DECLINED}) | _ENDS,
    State.ANSWERED: frozenset({State.ACKNOWLEDGED, State.DECLINED}) | _ENDS,
    **dict.fromkeys(TERMINAL, frozenset()),
}


class Kind(StrEnum):
    """Why a notification is sent; it chooses the words."""

    ALERT = "alert"  # a revision that needs an answer
    UPDATE = "update"  # a revision that does not, to those already told
    STAND_DOWN = "stand_down"  # cancelled or released, to exactly those who were told
    COURTESY = "courtesy"  # "Ana has it since 02:14. Nothing to do."
    NOTE = "note"  # a line in the event's Slack thread
    REMINDER = "reminder"  # comes on call soon, goes off, has not told the issuer yet; goes on past its planned end
    CONFIRM = "confirm"  # a call to who has accepted, and of whom nothing was heard since: is it in hand?
    ADMIN = "admin"  # something the admins must know: nobody on call, conflict
    EDIT = "edit"  # put in place of what a row before it has posted: nobody is notified


class Hold(StrEnum):
    """Why a due row is not sent yet."""

    LINES = "lines"
    NUMBER_BUSY = "number_busy"
    CHANNEL_RATE = "channel_rate"
    BROKEN = "broken"  # no words can be made for it: our own mistake
    PERSON_LIMIT = "person_limit"
    VENDOR = "vendor"  # it does not answer at all
    BUNDLE = "bundle"  # it waits for others, to be told with them in one message


class CallEnd(StrEnum):
    """Reasons of a call that ended by the doing of people, not by a channel's failure."""

    NO_ANSWER = "no answer"
    BUSY = "busy"
    NO_KEY = "hung up without a key"
    VOICEMAIL = "voicemail"
    STOPPED = "stopped by us"


# How the reason of a row begins that failed for what is at the other end, not for its channel.
REFUSED = "address refused"  # by the vendor, for good: the roster is to be mended
UNREACHABLE = "phone unreachable"  # now: switched off, or without a network
NEVER_KNOWN = "nobody could say whether it was sent"  # it may have been


class PagerDutyAction(StrEnum):
    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One send of the timetable. All instants aware UTC.

    `group` is "timezone rotation", what the person was called as. `until`: after it nothing is started.
    `step` is -1 for rows of the event itself (Slack channel, PagerDuty). `details` holds what a channel needs beyond
    the words: {"action", "generation", "severity"} for PagerDuty, and {"calls"} where it calls people and we do not;
    {"note"} for a thread line or a reminder, {"accepted_at"} for a call that asks whether it is in hand, {"overtime"}
    for a ring that starts although it cannot finish, {"no_line"} for one that by the plan gets no line in time, and in
    a line to the admins for whom that is, {"anew"} for an edit that is posted where nothing stands to be edited,
    {"alike"} for a line that counts, as it goes out, those near-identical to its event. `follows`: the row that must be
    out first; of an edit the one whose post it edits. `carried_by`: the row in whose message it was told; that one has
    the attempts.
    """

    id: str
    event_pk: str
    revision: int
    kind: Kind
    channel: ChannelName
    address: str
    due_at: datetime
    until: datetime
    lane: int
    person: str | None = None
    team: str | None = None
    step: int = -1
    group: str = ""
    try_no: int = 1
    follows: str | None = None
    details: Mapping[str, str | int | bool] = field(default_factory=dict)
    state: State = State.PENDING
    hold: Hold | None = None
    reason: str = ""
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    answered_at: datetime | None = None
    acknowledged_at: datetime | None = None
    cut_requested_at: datetime | None = None
    carried_by: str | None = None

    @property
    def slot(self) -> str:
        """What makes the row unique within its event: planning the same thing twice changes nothing."""
        who = self.person or self.address
        extra = f"{self.details.get('action', '')}{self.details.get('generation', '')}{self.details.get('note', '')}"
        extra += str(self.details.get("accepted_at", ""))
        extra += self.follows or "" if self.kind is Kind.EDIT else ""
        return f"{self.revision}/{self.kind}/{self.channel}/{who}/{self.step}/{self.try_no}/{extra}"

    @property
    def redial(self) -> bool:
        """A call to somebody whom an earlier call of the same event has rung."""
        return self.channel is ChannelName.VOICE and self.follows is not None

    @property
    def started(self) -> bool:
        """True when the vendor was, or may have been, asked."""
        return self.state not in (State.PENDING, State.SUPERSEDED, State.EXPIRED) or self.sent_at is not None


class AgendaKind(StrEnum):
    STEP = "step"  # ask the rota who is on call now, and tell them
    REVISE = "revise"  # something was learned: look at all facts again
    RAISE = (
        "raise"  # nobody has acknowledged by 60 % of the time: PagerDuty becomes critical, or we call whom it was to
    )
    REMIND = "remind"  # half of the time is over: has the issuer been told?
    PAGE_AGAIN = "page_again"  # somebody accepted and nothing was heard since: is it in hand?
    ENDS = "ends"  # its planned end has come: was it released?
    VERDICT = "verdict"  # the deadline
    MEMBER = "member"  # the deadline of an event for which another one rings


class AgendaState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """One thing the router must look at later.

    For a step: `step` is its index in the policy and `asleep` is True when only the groups that slept at the
    step's start are meant. Of a raise `step` is the first of those for whom PagerDuty calls, -1 where it does not.
    `brought_by` names the reply that brought it forward.
    """

    id: str
    event_pk: str
    kind: AgendaKind
    due_at: datetime
    lane: int
    revision: int = 0
    step: int = -1
    asleep: bool = False
    cause: str = ""
    brought_by: str | None = None
    state: AgendaState = AgendaState.PENDING

    @property
    def slot(self) -> str:
        return f"{self.kind}/{self.revision}/{self.step}/{self.asleep}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """When the lines let a person be called, and the call is reckoned to be over. `start` None: no line in time."""

    person: str
    step: int
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far the phone lines go: the people a plan calls, most important first, those of steps to come last.

    `length`: how long each call is reckoned with.
    """

    rings: tuple[Ring, ...]
    length: Length

    @property
    def unreached(self) -> tuple[str, ...]:
        """For whom there is no line in time."""
        return tuple(ring.person for ring in self.rings if ring.start is None)

    @property
    def over_at(self) -> datetime | None:
        """When the last call is over."""
        return max((ring.end for ring in self.rings if ring.end), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What planning decided. `remarks` are sentences for the timeline and the sender, e.g. whom nobody can reach.

    `rings` False: no phone rings by this plan. `at_risk`: the deadline may not be kept, the remarks say why.
    `pushes_out`: other events of which somebody loses a line to this one.
    """

    notifications: tuple[Notification, ...] = ()
    agenda: tuple[Agenda, ...] = ()
    remarks: tuple[str, ...] = ()
    rings: bool = True
    at_risk: bool = False
    reach: Reach | None = None
    pushes_out: tuple[str, ...] = ()
