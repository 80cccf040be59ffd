"""PagerDuty's alerts: by a key within a service, open until resolved; a later trigger of the same key opens it anew.

What it has open at the end of a run is judged by this, whatever our own table says that was sent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from model.event import Event, EventStatus
from model.plan import PagerDutyAction
from model.roster import PagerDutyMode, PagerDutyService


@dataclass(slots=True)
class Alert:
    """`row`: the notification that first triggered it."""

    service: str
    key: str
    severity: str
    row: str
    state: PagerDutyAction = PagerDutyAction.TRIGGER  # the last that had an effect

    @property
    def open(self) -> bool:
        return self.state is not PagerDutyAction.RESOLVE

    @property
    def generation(self) -> int:
        return int(self.key.rpartition(":g")[2])


class Alerts:
    """What PagerDuty did with what it took. `beyond_us`: rows of ours whose request it refused for good, or took so
    late that it opened again what was over meanwhile: nobody can know that.
    """

    def __init__(self) -> None:
        self.beyond_us: set[str] = set()
        self._known: dict[tuple[str, str], Alert] = {}
        self._resolved: set[tuple[str, str]] = set()

    def __iter__(self) -> Iterator[Alert]:
        return iter(self._known.values())

    def take(self, service: str, details: Mapping[str, object], row: str, *, late: bool = False) -> None:
        """To acknowledge or resolve what is not open does nothing, nor does it to trigger what is open.

        `late`: long after its sender gave up.
        """
        named = service, str(details["dedup_key"])
        action = PagerDutyAction(str(details["action"]))
        alert = self._known.get(named)
        triggers = action is PagerDutyAction.TRIGGER
        if action is PagerDutyAction.RESOLVE:
            self._resolved.add(named)
        elif triggers and late and named in self._resolved:
            self.beyond_us.add(row)
        if alert is None and triggers:
            self._known[named] = Alert(*named, str(details["severity"]), row)
        elif alert is not None and alert.open is not triggers:
            alert.state = action


@dataclass(frozen=True, slots=True)
class Needed:
    """What is known of an event's acceptance. Both False: the answers do not say for sure."""

    accepted: bool
    nobody: bool  # has said or done anything
    missed: bool


NOTHING = Needed(accepted=False, nobody=False, missed=False)


def wrong(event: Event, alerts: Sequence[Alert], services: Sequence[PagerDutyService], needed: Needed) -> Iterator[str]:
    """Over: none is open. Open: at each service the newest alone, acknowledged where somebody has the event, and
    critical where nobody had it in time. `alerts`: the event's, the newest last, but for what was refused.
    """
    if event.status is not EventStatus.OPEN:
        for alert in alerts:
            if alert.open:
                yield f"{event.event_id} is {event.status}, and PagerDuty has {alert} open"
        return
    if not event.rings or event.leader_pk is not None:
        return
    for service in services:
        yield from _open(event, [a for a in alerts if a.service == service.routing_key], service, needed)


def _open(event: Event, alerts: Sequence[Alert], service: PagerDutyService, needed: Needed) -> Iterator[str]:
    if not alerts:
        yield f"{event.event_id} is open, and PagerDuty heard nothing of it"
        return
    *older, newest = alerts
    if not newest.open:
        yield f"{event.event_id} is open, and its newest alert in PagerDuty is over: {newest}"
    for alert in older:
        if alert.open:
            yield f"{event.event_id} has {alert} open in PagerDuty beside its newest: {newest}"
    if needed.accepted and newest.state is PagerDutyAction.TRIGGER:
        yield f"{event.event_id} is accepted, and PagerDuty goes on calling people: {newest}"
    if needed.nobody and newest.state is PagerDutyAction.ACKNOWLEDGE:
        yield f"{event.event_id} has nobody, and PagerDuty keeps quiet: {newest}"
    raises = service.mode is PagerDutyMode.RECORD and needed.nobody and needed.missed
    if raises and newest.severity != "critical":
        yield f"nobody has accepted {event.event_id} in time, and PagerDuty calls nobody: {newest}"
