"""The loop that asks sources for what we missed and tells them what became of their events, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from aiohttp import web

from app.roles import EVERY_ROLE, Role
from app.service import STUCK
from model.clock import SystemClock
from model.errors import Unavailable, Unreached
from model.monitor import Listening, Monitor, MonitorStatus
from store import outcome_calls
from tests.app_fixture import ROSTER, House, opened
from tests.unit.upstream.test_outcomes import SECRET
from upstream.reach import Allowed
from upstream.web import MOST_BYTES, Web

LOOPBACK = {"upstream_hosts": "127.0.0.1", "upstream_networks": "127.0.0.0/8"}


class Upstream:
    """A source's server: keeps what it is sent, answers what it is told to."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.asked: list[web.Request] = []
        self.told: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.callback_statuses: list[int] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        statuses = self.callback_statuses if request.method == "POST" else self.statuses
        status = statuses.pop(0) if statuses else 200
        if request.method == "POST":
            self.told.append((dict(request.headers), await request.read()))
            return web.Response(status=status, headers={"Location": f"{self.url}/elsewhere"})
        self.asked.append(request)
        if request.path == "/large":
            return web.Response(body=b"x" * (MOST_BYTES + 1))
        kind = "emergency-notification" if "emergency" in request.path else "contingency-reserve"
        rows = self.rows if kind == "emergency-notification" else []
        return web.json_response(rows, status=status, headers={"Location": f"{self.url}/elsewhere"})


@asynccontextmanager
async def serving() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", upstream.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    upstream.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        await runner.cleanup()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with serving() as found:
        yield found


def roster(upstream: Upstream) -> str:
    sources = f"""
sources:
  mui:
    name: MISO MUI
    format: miso-mui
    history: {{url: {upstream.url}, participant: ACME}}
"""
    callback = f"    also_confirm: MCS\n    callback: {{url: {upstream.url}/hook, secret: miso}}\n"
    return ROSTER.read_text().replace("\nsources:\n", sources, 1).replace("    also_confirm: MCS\n", callback, 1)


@pytest.fixture
async def house(tmp_path: Path, upstream: Upstream) -> AsyncIterator[House]:
    settings = LOOPBACK | {"source_secrets": f"miso={SECRET}"}
    # Without the role whose loop would talk by itself: each test takes its turns.
    roles = EVERY_ROLE - {Role.MONITOR}
    async with opened(tmp_path, roles=roles, roster_text=roster(upstream), **settings) as found:
        yield found


async def turn(house: House, seconds: float = 0) -> None:
    house.advance(seconds)
    await house.service.talking.turn()
    await house.until(lambda: not house.service.broker.depth())


def row(text: str) -> dict[str, Any]:
    message = {"realm": "Private", "source": "MISO", "destination": "ACME", "priority": 0, "text": text}
    times = {"effectiveTime": "2026-11-03T10:30:00-05:00", "terminationTime": "2026-11-03T14:30:00-05:00"}
    payload = {"test": False, "notificationData": {"messages": [message | times]}}
    return {"eventType": "Emergency Notification", "created": "2026-11-03T09:59:00-05:00", "requestPayload": payload}


STEP_2 = (
    "Maximum Generation Event Step 2 Declaration. EDR Dispatch: EDR participant ACME, resource ACME.FOUNDRY1, reduce "
    "12.5 MW no later than 11/03/2026 10:30 EST and maintain until released."
)


async def test_what_we_missed_is_asked_for_on_a_schedule_and_duplicates_are_harmless(
    house: House, upstream: Upstream
) -> None:
    upstream.rows = [row(STEP_2)]
    await turn(house)
    asked = len(upstream.asked)
    assert asked
    assert {r.headers["x-acting-participant"] for r in upstream.asked} == {"ACME"}
    [event] = [e for e in (await house.get("/v1/events")).json()["events"] if e["source"] == "mui"]
    assert (event["status"], event["severity"]) == ("open", "critical")
    await turn(house, 299)
    assert len(upstream.asked) == asked
    await turn(house, 1)
    assert len(upstream.asked) > asked
    found = (await house.get(f"/v1/events/mui/{event['event_id']}")).json()
    assert [d["state"] for d in found["deliveries"]] == ["planned", "duplicate"]
    assert {d["signature"] for d in found["deliveries"]} == {"Gridcall asked for it"}
    assert "mui" not in house.service.notebook.last_seen, "that we asked is no sign of life"
    assert house.service.talking.counts["mui", "history", "asked"] == 2


async def test_asked_as_soon_as_a_source_is_heard_after_a_silence(house: House, upstream: Upstream) -> None:
    known = house.service.hearing.monitors
    known["mui"] = Monitor(source="mui", status=MonitorStatus.SILENT)
    await turn(house)
    asked = len(upstream.asked)
    await turn(house, 1)
    assert len(upstream.asked) == asked
    known["mui"] = Monitor(source="mui", status=MonitorStatus.UP)
    await turn(house, 1)
    assert len(upstream.asked) > asked


async def test_asked_as_soon_as_somebody_listens_again_after_an_outage_of_ours(
    house: House, upstream: Upstream
) -> None:
    """Nobody is silent for that: what was sent meanwhile came to nobody."""
    now, minute = house.clock.now(), timedelta(minutes=1)
    house.service.hearing.records = [Listening(process="a", since=now - 9 * minute, until=now - 7 * minute)]
    await turn(house)
    asked = len(upstream.asked)
    await turn(house, 1)
    assert len(upstream.asked) == asked, "nothing is missing"
    house.service.hearing.records += [Listening(process="b", since=now, until=now)]
    await turn(house, 1)
    assert len(upstream.asked) > asked
    asked = len(upstream.asked)
    await turn(house, 1)
    assert len(upstream.asked) == asked, "once"


async def test_much_that_was_missed_is_no_loop_that_stands_still(
    house: House, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue may take its time over each; all of them together are longer than a loop may take."""
    upstream.rows = [row(f"{n}") for n in range(30)]
    waited = []

    async def slowly(source: str, body: bytes) -> None:
        house.advance(1)
        waited.append(house.clock.now() - talking.turned_at)

    talking = house.service.talking
    monkeypatch.setattr(talking, "_intake", slowly)
    await talking.turn()
    assert len(waited) >= 30
    assert max(waited) < STUCK


async def test_a_history_that_fails_is_asked_again_from_where_the_last_answer_ended(
    house: House, upstream: Upstream
) -> None:
    await turn(house)
    upstream.asked.clear()
    upstream.statuses = [503]
    await turn(house, 300)
    assert house.service.talking.counts["mui", "history", "failed"] == 1
    await turn(house, 300)
    begins = [r.query["since"] for r in upstream.asked if "emergency" in r.path]
    assert begins == ["2026-11-03T09:50:00-05:00"] * 2


async def verdict(house: House, event_id: str = "edr-1") -> None:
    await house.send(event_id)
    answer = {"person": "ana", "reply": "acknowledge"}
    assert (await house.post(f"/v1/events/miso/{event_id}/reply", json=answer)).status_code == 200
    async with house.service.clock.timeout(60):
        while not await house.service.database.read(lambda conn: outcome_calls.due(conn, house.clock.now(), 9)):
            await house.rows()


async def test_a_source_is_told_that_the_objective_was_met_until_it_has_heard(house: House, upstream: Upstream) -> None:
    """Signed, retried, the failures in the event and in the figures; a redirect is followed nowhere."""
    await verdict(house)
    upstream.callback_statuses = [503, 307]
    for seconds in (0, 4, 1, 15):
        await turn(house, seconds)
    assert len(upstream.told) == 3
    headers, body = upstream.told[-1]
    said = json.loads(body)
    assert said["type"] == "gridcall.objective.met"
    assert (said["data"]["event_id"], said["data"]["reason"]) == ("edr-1", "accepted by Ana Reyes at 15:00:00 UTC")
    assert len({h["webhook-id"] for h, _ in upstream.told}) == 1
    hook, known = standardwebhooks.Webhook(SECRET), {k.lower(): v for k, v in headers.items()}
    assert known["webhook-timestamp"] == str(int(house.clock.now().timestamp()))
    signed_at = house.clock.now()
    assert hook.sign(known["webhook-id"], signed_at, body.decode()) == known["webhook-signature"]
    event = (await house.get("/v1/events/miso/edr-1")).json()
    [told] = event["source_told"]
    assert (told["state"], told["tries"], told["error"]) == ("delivered", 3, None)
    assert [e["body"]["state"] for e in event["timeline"] if e["kind"] == "source_told"] == ["delivered"]
    figures = (await house.get("/metrics", None)).text
    assert 'gridcall_upstream_total{outcome="failed",source="miso",what="outcome"} 2.0' in figures
    assert 'gridcall_upstream_total{outcome="delivered",source="miso",what="outcome"} 1.0' in figures


async def test_a_source_that_cannot_be_told_is_given_up_and_that_is_to_be_seen(
    house: House, upstream: Upstream
) -> None:
    await verdict(house)
    upstream.callback_statuses = [410]
    await turn(house)
    [told] = (await house.get("/v1/events/miso/edr-1")).json()["source_told"]
    assert (told["state"], told["error"]) == ("given_up", "answered 410: it wants no more of them")
    await turn(house, 86_400)
    assert len(upstream.told) == 1


async def test_what_became_of_it_later_ends_the_tries_to_say_what_had_before(house: House, upstream: Upstream) -> None:
    """Met could not be told; Ana cannot comply after all and the deadline passes: the last word must be "missed"."""
    await verdict(house)
    upstream.callback_statuses = [503]
    await turn(house)
    cannot = {"person": "ana", "reply": "cannot_comply"}
    assert (await house.post("/v1/events/miso/edr-1/reply", json=cannot)).status_code == 200
    house.advance(600)
    async with asyncio.timeout(60):
        while len((await house.get("/v1/events/miso/edr-1")).json()["source_told"]) < 2:
            await house.rows()
    for _ in range(3):
        await turn(house, 3600)
    told = (await house.get("/v1/events/miso/edr-1")).json()["source_told"]
    assert [call["state"] for call in told] == ["superseded", "delivered"]
    assert [json.loads(body)["type"].rpartition(".")[2] for _, body in upstream.told] == ["met", "missed"]


async def test_while_the_database_is_away_it_waits(
    house: House, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was told already is told again, under the same id."""
    await verdict(house)

    def away(*_: object) -> None:
        raise Unavailable("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(outcome_calls, "tried", away)
        await turn(house)
    await turn(house, 1)
    assert len({headers["webhook-id"] for headers, _ in upstream.told}) == 1
    assert len(upstream.told) == 2
    await turn(house, 60)
    assert len(upstream.told) == 2


async def test_nothing_is_reached_that_was_not_named(upstream: Upstream) -> None:
    """Neither by an address, nor by a name that leads to one, nor by an answer without end."""
    port = upstream.url.rpartition(":")[2]
    for allowed, url in (
        (Allowed(), upstream.url),
        (Allowed(hosts={"127.0.0.1"}), upstream.url),
        (Allowed(hosts={"localhost"}), f"http://localhost:{port}"),
        (Allowed(hosts={"a" * 64 + ".example"}), f"https://{'a' * 64}.example/"),
    ):
        reaching = Web(SystemClock(), allowed)
        with pytest.raises(Unreached, match=r"UPSTREAM|cannot be reached"):
            await reaching.get(url, {}, {})
        await reaching.close()
    assert not upstream.asked
    reaching = Web(SystemClock(), Allowed(hosts={"127.0.0.1"}, networks=(ip_network("127.0.0.0/8"),)))
    with pytest.raises(Unreached, match="more than 4000000 bytes"):
        await reaching.get(f"{upstream.url}/large", {}, {})
    await reaching.close()
