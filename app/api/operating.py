"""For machines that watch Gridcall and those that send to it: `/metrics`, `/schemas/event.json`. Open to all."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from fastapi import APIRouter, Response

from app.api.deps import ServiceDep
from app.metrics import Figures
from app.roles import Role
from app.service import Service
from intake.schema import canonical_schema
from model.errors import Unavailable
from store import figures, monitors
from store.database import Connection

router = APIRouter(tags=["operating"])

T = TypeVar("T")

DATABASE_SECONDS = 2
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(service: ServiceDep) -> Response:
    """In the Prometheus text format; without the database's figures while it is away."""
    return Response(service.metrics.text(await _figures(service)), media_type=PROMETHEUS)


@router.get("/schemas/event.json")
async def event_schema() -> dict[str, Any]:
    """The canonical event as JSON Schema 2020-12."""
    return canonical_schema()


async def _figures(service: Service) -> Figures:
    clock = service.clock
    wall_error: Callable[[], float] | None = getattr(clock, "wall_error_seconds", None)
    failover = service.failover
    oldest = failover.spool.oldest_at() if failover else None
    signs, vendors = service.vital.signs(), service.rounds.vendor_checks.found
    alone = Figures(
        now=clock.now(),
        queue_depth=service.broker.depth(),
        queue_up=failover is None or failover.queue_up,
        spool_depth=failover.spool.depth() if failover else 0,
        spool_oldest_seconds=(clock.now() - oldest).total_seconds() if oldest else 0.0,
        turned=service.turned(),
        lived=signs.lived,
        wall_error_seconds=wall_error() if wall_error else None,
        watchers=len(service.pubsub),
        vendors_up={(vendor,): int(not seen.trouble) for vendor, seen in vendors.items()},
        balances={(v, s.balance.currency): s.balance.amount for v, s in vendors.items() if s.balance},
        slack_socket_down_seconds=service.slack_socket_down_seconds(),
        never_heard=len(service.rounds.newcomers.never_heard()) if Role.MONITOR in service.roles else 0,
        canary_age_seconds=signs.canary.age_seconds(clock.now()) if signs.canary else None,
        setbacks={
            "reviser": service.reviser.setbacks,
            "dispatcher": service.dispatcher.setbacks,
            "reconciler": service.reconciler.setbacks,
        },
        unanswered=dict(service.dispatcher.breakers.open()),
        call_seconds=dict(_call_seconds(service)),
        learned_from={(policy,): known.calls for policy, known in service.call_lengths.phones.learned.items()},
    )
    try:
        async with clock.timeout(DATABASE_SECONDS):
            return await _looked_up(service, alone)
    except (Unavailable, TimeoutError):
        return alone


def _call_seconds(service: Service) -> Iterator[tuple[tuple[str, str], int]]:
    """By policies; `learned` also where a policy has it switched off, so that one sees what it would be."""
    phones = service.call_lengths.phones
    for policy in service.rosters.roster.policies.values():
        yield (policy.id, "policy"), policy.call_seconds
        if policy.id in phones.learned:
            yield (policy.id, "learned"), phones.learned[policy.id].seconds
        yield (policy.id, "plans"), phones.length_of(policy).call_seconds


async def _looked_up(service: Service, alone: Figures) -> Figures:
    """One short read after another: the dispatcher's looks go in between."""

    async def read(fn: Callable[[Connection], T]) -> T:
        return await service.database.read(fn)

    heard = await read(monitors.every)
    return replace(
        alone,
        database_up=True,
        lags=await read(lambda conn: figures.lags(conn, alone.now)),
        states=await read(lambda conn: figures.recent_states(conn, alone.now)),
        open_events=await read(figures.open_events),
        open_unreadables=await read(figures.open_unreadables),
        monitors=Counter(
            str(heard[source].status) if source in heard else "new" for source in service.rosters.roster.sources
        ),
    )
