"""A day in the life of one grid event, as it really happens, written down for docs/day-in-the-life.md.

`python -m tests.scenario.day` writes that page anew; tests/scenario/test_day_in_the_life.py holds it against the story.
"""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import structlog

from app import serve
from sandbox.feed import Entry
from tests.scenario.people import Phone
from tests.scenario.world import World, open_world, patient

PAGE = Path(__file__).parents[2] / "docs" / "day-in-the-life.md"
NOON_IN_CHICAGO = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)
EVENT_ID = "MISO-2026-07-14-01"
DEMANDS = patient(serve.DEMO_ROSTER.read_text()).replace(
    "    also_confirm: MCS\n", "    also_confirm: MCS\n    issuer_ack: true\n", 1
)
CODE = re.compile(r"Reply 1([A-Z]+)=ACK 2\1=CANNOT")  # by chance, so that texts can be told apart
HEAD = f"""# A day in the life of an event

What people really hear, see and read while one event of MISO, {EVENT_ID}, goes from advisory to release: hours of it in
minutes, with a message that is repeated, one that comes too late and one that nobody can read. The story is played in
[tests/scenario/day.py](../tests/scenario/day.py), by the real service and the stand-ins of the vendors; a test holds
this page against it, and `python -m tests.scenario.day` (in `.venv/bin`) writes it anew.

Ana Reyes (Chicago, where it is noon) and Ben Okafor (London) are awake and on call, Chie Mori (Tokyo) sleeps. The
source demands that the issuer is told as well (`issuer_ack`), and one person may be called so often in so few minutes.
The headings are minutes and seconds since the first message; a text that needs several parts is shown as one.
PagerDuty keeps the record.
"""


class Where(IntEnum):
    """In this order at one instant."""

    SENT = 0
    PHONE = 1
    SLACK = 2
    PAGERDUTY = 3


class Line(NamedTuple):
    at: datetime
    where: Where
    text: str


@dataclass
class Day:
    """The world and what is told of it."""

    world: World
    lines: list["Line"] = field(default_factory=list)

    async def posts(self, number: int, what: str, **changes: Any) -> None:
        """The issuer posts a revision."""
        await self._sends(what, json.dumps(statement(self.world.clock.now(), number, **changes)))

    async def posts_raw(self, what: str, body: str) -> None:
        await self._sends(what, body)

    async def _sends(self, what: str, body: str) -> None:
        at = self.world.clock.now()
        answer = await self.world.post_raw(body, prefer="wait=2")
        said = answer.json()
        rings = {True: ", phones ring", False: ", no phone rings", None: ""}[said.get("rings")]
        self.lines.append(
            Line(
                at, Where.SENT, f"**MISO posts {what}** It is answered {answer.status_code}, “{said['detail']}”{rings}."
            )
        )

    async def tells_issuer(self, person: str, how: str, evidence: str) -> None:
        at = self.world.clock.now()
        body = {"person": person, "at": at.isoformat(), "how": how, "evidence": evidence}
        answer = await self.world.http.post(
            f"/v1/events/miso/{EVENT_ID}/issuer-ack", json=body, headers={"authorization": "Bearer demo-operator"}
        )
        assert answer.status_code == 200, answer.text
        self.lines.append(
            Line(at, Where.SENT, f"**The operator notes that {self.name(person)} told MISO** ({how}, {evidence}).")
        )

    def name(self, person: str) -> str:
        return self.world.roster.roster.people[person].name

    async def page(self) -> str:
        """Everything in the order in which it was noticed."""
        lines = sorted([*self.lines, *noticed(self.world)], key=lambda line: line[:2])
        shown = [HEAD]
        for at, group in groupby(lines, key=lambda line: self.world.moment(line.at.replace(microsecond=0))):
            shown.append("\n".join([f"## {at}\n", *(f"- {line.text}" for line in group)]) + "\n")
        return "\n".join([*shown, await self._verdict()])

    async def _verdict(self) -> str:
        headers = {"authorization": "Bearer demo-operator"}
        event = (await self.world.http.get(f"/v1/events/miso/{EVENT_ID}", headers=headers)).json()
        rows = [
            f"| {v['revision']} | {v['person'] or 'the event'} | {v['outcome']} | {v['reason']} |"
            for v in event["verdicts"]
        ]
        issuer = event["verdict_lines"]["issuer"]
        head = ["## What is left\n", "| revision | who | verdict | why |", "| --- | --- | --- | --- |"]
        last = f"\nThe issuer, for the revision that needed an answer last: {issuer['outcome']}, {issuer['reason']}.\n"
        return "\n".join([*head, *rows, last])


def statement(now: datetime, number: int, **changes: Any) -> dict[str, Any]:
    """The event as its issuer says it, from the start of the day on."""
    start = NOON_IN_CHICAGO + timedelta(minutes=35)
    said = {
        "event_id": EVENT_ID,
        "revision": number,
        "message_type": "new" if number == 1 else "update",
        "issuer": "MISO",
        "program": "EDR",
        "issued_at": now.isoformat(),
        "effective_at": start.isoformat(),
        "ends_at": (start + timedelta(hours=4)).isoformat(),
        "end_kind": "until_released",
        "instruction": {"action": "reduce_load", "target_mw": 12.5, "target_kind": "relative", "mandatory": True},
        "phase": "event",
        "phase_detail": "Max Gen Event Step 2",
        "nerc_eea": 2,
        "severity": "critical",
        "zones": [{"scheme": "MISO-LRZ", "code": "4"}],
        "resources": [{"scheme": "MISO-EPNODE", "code": "ACME.FOUNDRY1"}],
        "headline": "MISO EDR: cut 12.5 MW by 13:35 EST, zone 4",
        "source_timezone": "Etc/GMT+5",
    }
    return said | changes


NOTHING_YET = {"action": "informational"}
MORE = {
    "instruction": {"action": "reduce_load", "target_mw": 15.0, "target_kind": "relative", "mandatory": True},
    "headline": "MISO EDR: cut 15 MW by 13:35 EST, zone 4",
}
LONGER = MORE | {
    "ends_at": (NOON_IN_CHICAGO + timedelta(hours=6)).isoformat(),
    "headline": "MISO EDR EXTENDED: hold 15 MW to 19:00 EST",
}
OVER = {
    "message_type": "terminate",
    "phase": "termination",
    "severity": "warning",
    "instruction": {"action": "release"},
    "headline": "MISO EDR RELEASED: return to normal",
}


async def live(folder: Path) -> str:
    """Live through it. What came is on the page: nothing of it is a surprise."""
    async with open_world(folder, NOON_IN_CHICAGO, DEMANDS, person_limits_times=3) as world:
        day = Day(world)
        advisory = {"phase": "advisory", "phase_detail": "Capacity Advisory", "nerc_eea": None, "severity": "notice"}
        await day.posts(
            1,
            "an advisory, revision 1.",
            **advisory | {"instruction": NOTHING_YET, "headline": "MISO Capacity Advisory, zone 4: no action yet"},
        )
        await world.advance_until("0:30")
        warning = {"phase": "warning", "phase_detail": "Max Gen Warning", "nerc_eea": 1, "severity": "warning"}
        warning |= {"instruction": NOTHING_YET, "headline": "MISO Max Gen Warning, zone 4: no action yet"}
        await day.posts(2, "a warning, revision 2.", **warning)
        await world.advance_until("1:00")
        warned_at = (NOON_IN_CHICAGO + timedelta(seconds=30)).isoformat()
        await day.posts(2, "revision 2 once more, as it is: its sender is not sure.", **warning, issued_at=warned_at)
        await world.advance_until("1:15")
        due = (world.clock.now() + timedelta(minutes=4)).isoformat()
        await day.posts(3, "the event, step 2: 12.5 MW, to be accepted within 4 minutes, revision 3.", ack_due_at=due)
        await world.advance_until("3:30")
        await day.tells_issuer("ana", "mcs", "MCS 4711")
        await world.advance_until("4:00")
        await day.posts_raw("something that breaks off in the middle.", '{"event_id": "MISO-2026-07-14-01", "revisio')
        await world.advance_until("4:45")
        await world.phone("ana").behaves(answer="no-answer")
        await day.posts(4, "a change of megawatts, revision 4.", **MORE)
        await world.advance_until("5:45")
        await day.posts(6, "an extension, revision 6.", **LONGER)
        await world.advance_until("6:15")
        await day.tells_issuer("ben", "verbal", "call with the shift manager")
        await day.posts(5, "revision 5, which was on the way for long.", **MORE, text="We have a new number.")
        await world.advance_until("6:30")
        now = world.clock.now().isoformat()
        await day.posts(7, "the termination, revision 7.", **OVER | {"effective_at": now, "ends_at": now})
        await world.advance_until("7:30")
        for phone in world.everybody():
            phone.expects_everything()
        return await day.page()


# --- what people noticed --------------------------------------------------------------------------------------------


def noticed(world: World) -> Iterator[Line]:
    people = world.roster.roster.people.values()
    names = {method.address: person.name for person in people for method in person.methods}
    for phone in world.everybody():
        for moment, text in _on_phone(phone, names[phone.number]):
            yield Line(world.instant(moment), Where.PHONE, text)
    for entry in world.standins.feed.after(0):
        if entry.channel == "slack" and entry.event == "posted" and entry.to.startswith("C"):
            yield Line(entry.at, Where.SLACK, _in_slack(entry))
        elif entry.channel == "pagerduty":
            yield Line(entry.at, Where.PAGERDUTY, _in_pagerduty(entry))


def _on_phone(phone: Phone, who: str) -> Iterator[tuple[str, str]]:
    for call in phone.calls:
        yield call.at, f"{who}'s **phone** rings. It would say: “{call.script}”"
        if call.answered_at:
            yield call.answered_at, f"{who} picks up."
        if call.ended_at:
            last = f" The last words: “{call.heard[-1]}”" if len(call.heard) > 1 else ""
            yield call.ended_at, f"{who}'s call is over ({call.ended}).{last}"
    for text in phone.texts:
        yield text.at, f"{who} gets a **{text.how}**: “{CODE.sub('Reply 1A=ACK 2A=CANNOT', text.text)}”"


def _in_slack(entry: Entry) -> str:
    thread = ", in the thread" if entry.raw["message"].get("thread_ts") else ""
    return f"**Slack**, channel{thread}: “{' / '.join(entry.text.splitlines())}”"


def _in_pagerduty(entry: Entry) -> str:
    payload = entry.raw.get("payload")
    said = f" ({payload['severity']}): “{payload['summary']}”" if payload else ""
    return f"**PagerDuty**: {entry.event} {entry.raw['dedup_key'].rpartition(':')[2]}{said}"


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with TemporaryDirectory() as folder:
        page = asyncio.run(live(Path(folder)))
    PAGE.write_text(page)
    print(f"{PAGE.name} is written: {len(page.splitlines())} lines")


if __name__ == "__main__":
    main()
