"""Figures for Prometheus: requests are counted as they end, everything else is looked up when somebody asks."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from model.event import Mode
from model.setbacks import Setbacks
from store.figures import Lag
from store.signals import Measure, Measured, Signals

CANARY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
# Deadlines are ten minutes or less as a rule; a day-ahead notice has hours.
DEADLINE_BUCKETS = (0, 5, 10, 15, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 570, 585, 600, 900, 1800, 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One look. Those of the database are empty while it is away, `database_up` then says so."""

    now: datetime
    queue_depth: int
    queue_up: bool
    spool_depth: int
    spool_oldest_seconds: float
    turned: Mapping[str, datetime]
    lived: Mapping[str, datetime]
    wall_error_seconds: float | None
    watchers: int
    setbacks: Mapping[str, Setbacks]
    unanswered: Mapping[str, datetime]
    vendors_up: Mapping[tuple[str], int] = field(default_factory=dict)
    balances: Mapping[tuple[str, str], float] = field(default_factory=dict)
    slack_socket_down_seconds: float | None = None
    never_heard: int = 0
    canary_age_seconds: float | None = None
    database_up: bool = False
    lags: Sequence[Lag] = ()
    states: Mapping[tuple[str, str], int] = field(default_factory=dict)
    open_events: int | None = None
    open_unreadables: int | None = None
    monitors: Mapping[str, int] = field(default_factory=dict)
    call_seconds: Mapping[tuple[str, str], int] = field(default_factory=dict)
    learned_from: Mapping[tuple[str], int] = field(default_factory=dict)


K = TypeVar("K", bound=tuple[str, ...])


class Requests(Collector):
    """Requests by method, route and status. Plain counting in the loop's thread: the hot route has no time for more."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, int]] = Counter()

    def count(self, method: str, route: str, status: int) -> None:
        self._counts[method, route, status] += 1

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "gridcall_http_requests", "Requests answered", labels=["method", "route", "status"]
        )
        for (method, route, status), count in sorted(self._counts.items()):
            family.add_metric([method, route, str(status)], count)
        yield family


class Refused(Collector):
    """Whom nobody let in, by the reason."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, reason: str) -> None:
        self._counts[reason] += 1

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily("gridcall_callers_refused", "Requests not let in", labels=["reason"])
        for reason, count in sorted(self._counts.items()):
            family.add_metric([reason], count)
        yield family


class BySource(Collector):
    """Something counted for each source."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._counts: Counter[str] = Counter()

    def count(self, source: str) -> None:
        self._counts[source] += 1

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(f"gridcall_{self._name}", self._text, labels=["source"])
        for source, count in sorted(self._counts.items()):
            family.add_metric([source], count)
        yield family


class Cached:
    """Of one cache: what it was asked and did, and how many bytes it holds."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.bytes = 0

    def count(self, outcome: str) -> None:
        self.outcomes[outcome] += 1


class Caches(Collector):
    """Of all caches, by name."""

    def __init__(self) -> None:
        self._cached: dict[str, Cached] = {}

    def of(self, name: str) -> Cached:
        return self._cached.setdefault(name, Cached())

    def collect(self) -> Iterator[Metric]:
        answers = CounterMetricFamily("gridcall_cache", "What caches were asked and did", labels=["cache", "outcome"])
        for name, cached in self._cached.items():
            for outcome, count in sorted(cached.outcomes.items()):
                answers.add_metric([name, outcome], count)
        yield answers
        yield _by(
            "cache_bytes", "About how much a cache holds", ["cache"], {(n,): c.bytes for n, c in self._cached.items()}
        )


class Callbacks(Collector):
    """What vendors called back for, where it is more than a receipt; and who only said to be a vendor."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, vendor: str, outcome: str) -> None:
        self._counts[vendor, outcome] += 1

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "gridcall_callbacks", "Callbacks refused, and PagerDuty's webhooks", labels=["vendor", "outcome"]
        )
        for labels, count in sorted(self._counts.items()):
            family.add_metric(list(labels), count)
        yield family


class TalkedTo(Collector):
    """What sources were asked and told, of whoever counts it."""

    def __init__(self) -> None:
        self.counts: Mapping[tuple[str, str, str], int] = {}

    def collect(self) -> Iterator[Metric]:
        labels = ["source", "what", "outcome"]
        family = CounterMetricFamily("gridcall_upstream", "What sources were asked for and told", labels=labels)
        for found, count in sorted(self.counts.items()):
            family.add_metric(list(found), count)
        yield family


class Canaries(Collector):
    """Messages by which Gridcall tries itself: how long each step took, and how many did not come through in time."""

    def __init__(self) -> None:
        text = "How long messages of our own took, by step"
        self._seconds = Histogram("gridcall_canary_seconds", text, ["step"], registry=None, buckets=CANARY_BUCKETS)
        self._outcomes: Counter[str] = Counter()

    def came_through(self, seconds: Mapping[str, float]) -> None:
        self._outcomes["through"] += 1
        for step, taken in seconds.items():
            self._seconds.labels(step).observe(taken)

    def lost(self) -> None:
        self._outcomes["late"] += 1

    def collect(self) -> Iterator[Metric]:
        yield from self._seconds.collect()
        text = "Messages of our own sent, by what became of them"
        family = CounterMetricFamily("gridcall_canaries", text, labels=["outcome"])
        for outcome, count in sorted(self._outcomes.items()):
            family.add_metric([outcome], count)
        yield family


class Deadlines(Collector):
    """Of each event once, by its mode: how much time its first ring left, and how long its first acknowledgement took.

    All modes are there from the beginning: of a series that begins at 1, an increase does not show.
    """

    def __init__(self) -> None:
        left = "Time left until the deadline when an event's first phone rang, 0 after it"
        took = "Time from an event's receipt until somebody accepted it"
        self._histograms = {
            Measure.LEFT_AT_FIRST_RING: _deadline_histogram("first_ring_left_seconds", left),
            Measure.UNTIL_FIRST_ACKNOWLEDGEMENT: _deadline_histogram("first_acknowledgement_seconds", took),
        }

    def count(self, measured: Measured) -> None:
        self._histograms[measured.measure].labels(measured.mode).observe(measured.seconds)

    def collect(self) -> Iterator[Metric]:
        for histogram in self._histograms.values():
            yield from histogram.collect()


def _deadline_histogram(name: str, text: str) -> Histogram:
    histogram = Histogram(f"gridcall_{name}", text, ["mode"], registry=None, buckets=DEADLINE_BUCKETS)
    for mode in Mode:
        histogram.labels(mode)
    return histogram


class Metrics:
    """One registry for each service, none for the process."""

    def __init__(self, signals: Signals) -> None:
        self.requests = Requests()
        self.refused = Refused()
        self.callbacks = Callbacks()
        self.slowed = BySource("sources_slowed", "Posts answered 503 as their source sends too fast")
        self.repeats = BySource("repeats", "Posts known by their sender's key, and answered as the first was")
        self.caches = Caches()
        self.talked_to = TalkedTo()
        self.canaries = Canaries()
        self.deadlines = Deadlines()
        signals.count = self.deadlines.count
        self._registry = CollectorRegistry()
        made = (self.requests, self.refused, self.callbacks, self.slowed, self.repeats, self.caches)
        counted: tuple[Collector, ...] = (*made, self.talked_to, self.canaries, self.deadlines)
        for collector in counted:
            self._registry.register(collector)

    def text(self, figures: Figures) -> bytes:
        """In the Prometheus text format."""
        looked_up = CollectorRegistry()
        looked_up.register(_Looked(figures))
        return generate_latest(self._registry) + generate_latest(looked_up)


class _Looked(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        f = self._figures
        yield _gauge("queue_depth", "Accepted messages not decided yet", f.queue_depth)
        yield _gauge("queue_up", "1 when the queue confirms; at 0 events go to this host's spool", int(f.queue_up))
        yield _gauge("spool_depth", "Messages in this host's spool", f.spool_depth)
        yield _gauge("spool_oldest_seconds", "How long the oldest of them is there", f.spool_oldest_seconds)
        yield _gauge("live_watchers", "Who watches the live feed", f.watchers)
        yield _gauge("database_up", "1 when the database answers", int(f.database_up))
        put_off = {(loop,): setbacks.open(f.now) for loop, setbacks in f.setbacks.items()}
        yield _by("broken", "What a loop cannot deal with and tries again", ["loop"], put_off)
        yield _setbacks(f)
        unanswered = "Since when a vendor does not answer, while what is due there waits"
        yield _by("vendor_unanswered_seconds", unanswered, ["channel"], _ages(f.unanswered, f.now))
        yield _by("loop_turned_seconds", "Since each loop last turned", ["loop"], _ages(f.turned, f.now))
        yield _by("role_lived_seconds", "Since a process of each role last lived", ["role"], _ages(f.lived, f.now))
        lags = {(str(lag.lane), lag.channel): lag for lag in f.lags}
        by_lane = ["lane", "channel"]
        due = {labels: lag.rows for labels, lag in lags.items()}
        yield _by("due_unsent", "Notifications that are due and not sent", by_lane, due)
        waiting = {labels: (f.now - lag.oldest_due_at).total_seconds() for labels, lag in lags.items()}
        yield _by("due_unsent_oldest_seconds", "How long the oldest of them waits", by_lane, waiting)
        planned = "Notifications planned within the last hour"
        yield _by("notifications_recent", planned, ["channel", "state"], f.states)
        statuses = {(status,): count for status, count in f.monitors.items()}
        yield _by("monitors", "Sources by what was heard of them", ["status"], statuses)
        yield _by("vendor_up", "1 when the vendor took our credentials at the last look", ["vendor"], f.vendors_up)
        yield _by("vendor_balance", "What the account there has left", ["vendor", "currency"], f.balances)
        reckoned = "How long a call lasts by what its policy gives, by the calls of late, and as plans reckon with it"
        yield _by("call_seconds", reckoned, ["policy", "by"], f.call_seconds)
        yield _by("calls_learned_from", "Past calls by which that was learned", ["policy"], f.learned_from)
        text = "For how long there is no connection for Slack's buttons and commands, 0 while there is one"
        down = {} if f.slack_socket_down_seconds is None else {(): f.slack_socket_down_seconds}
        yield _by("slack_socket_down_seconds", text, [], down)
        never = "Sources expected for an hour and never heard, as the process with the role monitor sees it"
        yield _gauge("sources_never_heard", never, f.never_heard)
        age = {} if f.canary_age_seconds is None else {(): f.canary_age_seconds}
        text = "Since the last message of our own was sent that came through, or since the start where none did"
        yield _by("canary_age_seconds", text, [], age)
        if f.wall_error_seconds is not None:
            yield _gauge("wall_clock_error_seconds", "The machine's clock against ours", f.wall_error_seconds)
        if f.open_events is not None:
            yield _gauge("events_open", "Events that are open", f.open_events)
        if f.open_unreadables is not None:
            yield _gauge("unreadables_open", "Messages nobody could read, not replayed yet", f.open_unreadables)


def _ages(instants: Mapping[str, datetime], now: datetime) -> dict[tuple[str, ...], float]:
    return {(name,): (now - at).total_seconds() for name, at in instants.items()}


def _setbacks(figures: Figures) -> Metric:
    family = CounterMetricFamily("gridcall_setbacks", "Errors of our own in dealing with one thing", labels=["loop"])
    for loop, setbacks in figures.setbacks.items():
        family.add_metric([loop], setbacks.count)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"gridcall_{name}", text, value=value)


def _by(name: str, text: str, labels: list[str], values: Mapping[K, float]) -> Metric:
    family = GaugeMetricFamily(f"gridcall_{name}", text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(list(key), value)
    return family
