"""Whether Gridcall as a whole can do its work: what its processes leave behind in the database, judged. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from model import canary
from model.canary import Canary

# A process says every five seconds that it lives; who has not said so for this long is taken for dead.
SAYS_SO = timedelta(seconds=5)
DEAD = timedelta(seconds=15)
OVERDUE = timedelta(seconds=60)
SPOOLED = timedelta(seconds=60)


class Condition(NamedTuple):
    """Something that is not as it must be. `calls`: people are called for it; else it is told as a warning."""

    text: str
    calls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """Of the messages by which Gridcall tries itself: one is sent `every` so often.

    `expected_since`: the one who looks has not looked longer. `through_at`: when the last one was sent that came
    through. `last`: the newest.
    """

    every: timedelta
    expected_since: datetime
    through_at: datetime | None = None
    last: Canary | None = None

    def age_seconds(self, now: datetime) -> float:
        """Since the last one was sent that came through; as long as none did, since the one who looks does so."""
        return (now - (self.through_at or self.expected_since)).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What one process sees of all of them.

    `looked_at`: when the database last answered; what follows is as of then. `lived`: when a process of each role last
    said that it lives. `due_since`: since when the oldest call or text about something critical waits to be sent.
    `queue_up`: RabbitMQ confirms. `spooled_since`: since when the oldest message waits in this host's spool.
    `unusable`: what is wrong with files of this host's spool. `canary` None: Gridcall does not try itself.
    """

    looked_at: datetime
    lived: Mapping[str, datetime]
    due_since: datetime | None = None
    queue_up: bool = True
    spooled_since: datetime | None = None
    unusable: Sequence[str] = ()
    canary: Canaries | None = None


def conditions(signs: Signs, roles: Collection[str], now: datetime) -> list[Condition]:
    """What is wrong, the gravest first. `roles`: those that an installation cannot do without."""
    if now - signs.looked_at >= DEAD:
        return [Condition("the database does not answer", calls=True), *_of_the_queue(signs, now)]
    dead = [role for role in roles if role not in signs.lived or now - signs.lived[role] >= DEAD]
    found = [Condition(f"no process with the role {role} lives", calls=True) for role in dead]
    if signs.due_since is not None and now - signs.due_since >= OVERDUE:
        since = f"{signs.due_since:%H:%M:%S} UTC"
        found.append(Condition(f"calls or texts that were due at {since} are not sent", calls=True))
    if signs.canary is not None:
        found += _of_canaries(signs.canary, now)
    return [*found, *_of_the_queue(signs, now)]


def _of_canaries(known: Canaries, now: datetime) -> Iterator[Condition]:
    """None came through in time. That none is sent any more is trouble too: whoever sends them is not well."""
    counts_from = max(filter(None, (known.through_at, known.expected_since)))
    if now - counts_from < known.every + canary.LATE:
        return
    last = known.last
    if last is None or now - last.sent_at >= known.every + canary.LATE:
        yield Condition("no message of our own was sent lately: whether others arrive is not tried", calls=True)
        return
    yield Condition(f"a message of our own does not come through: {_where(last)}", calls=True)


def _where(last: Canary) -> str:
    if last.failure:
        return last.failure
    sent = f"one was sent at {last.sent_at:%H:%M:%S} UTC and"
    if last.told_at is not None:
        return f"{sent} came late"
    if last.decided_at is not None:
        return f"{sent} no notifier took it"
    return f"{sent} no router has decided about it"


def _of_the_queue(signs: Signs, now: datetime) -> Iterator[Condition]:
    """While RabbitMQ is away people are told all the same, as long as what is in the spools is taken out of them."""
    if signs.spooled_since is not None and now - signs.spooled_since >= SPOOLED:
        since = f"{signs.spooled_since:%H:%M:%S} UTC"
        yield Condition(f"messages that came in at {since} wait in a spool and nobody decides about them", calls=True)
    for file in signs.unusable:
        yield Condition(f"events may wait unseen in a file of the spool that cannot be used: {file}", calls=False)
    if not signs.queue_up:
        yield Condition("RabbitMQ does not confirm, events go through the hosts' spools", calls=False)
