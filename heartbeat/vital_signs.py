"""Whether Gridcall as a whole can do its work: what its processes leave behind in the database, judged. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

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
class Signs:
    """What one process sees of all of them.

    `looked_at`: when the database last answered; what follows is as of then. `lived`: when a process of each role last
    said that it lives. `due_since`: since when the oldest call or text about something critical waits to be sent.
    `queue_up`: RabbitMQ confirms. `spooled_since`: since when the oldest message waits in this host's spool.
    """

    looked_at: datetime
    lived: Mapping[str, datetime]
    due_since: datetime | None = None
    queue_up: bool = True
    spooled_since: datetime | None = None


def conditions(signs: Signs, roles: Collection[str], now: datetime) -> list[Condition]:
    """What is wrong, the gravest first. `roles`: those that an installation cannot do without."""
    if now - signs.looked_at >= DEAD:
        return [Condition("the database does not answer", calls=True), *_of_the_queue(signs, now)]
    dead = [role for role in roles if role not in signs.lived or now - signs.lived[role] >= DEAD]
    found = [Condition(f"no process with the role {role} lives", calls=True) for role in dead]
    if signs.due_since is not None and now - signs.due_since >= OVERDUE:
        since = f"{signs.due_since:%H:%M:%S} UTC"
        found.append(Condition(f"calls or texts that were due at {since} are not sent", calls=True))
    return [*found, *_of_the_queue(signs, now)]


def _of_the_queue(signs: Signs, now: datetime) -> Iterator[Condition]:
    """While RabbitMQ is away people are told all the same, as long as what is in the spools is taken out of them."""
    if signs.spooled_since is not None and now - signs.spooled_since >= SPOOLED:
        since = f"{signs.spooled_since:%H:%M:%S} UTC"
        yield Condition(f"messages that came in at {since} wait in a spool and nobody decides about them", calls=True)
    if not signs.queue_up:
        yield Condition("RabbitMQ does not confirm, events go through the hosts' spools", calls=False)
