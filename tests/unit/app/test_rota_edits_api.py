"""Overrides, swaps and absences by the API: each says who is on call instead of whom, or why it cannot be."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx2
import pytest

from app.roster_diff import absence_id, entries, override_id
from app.rosters import Rosters
from config.roster_writer import document
from model.roster import Person, Roster
from tests.app_fixture import House
from tests.unit.routing.rota_worlds import world

BACKUP = "/v1/rotations/ops-backup"
COVER = {"action": "replace", "person": "eli", "replaces": "dee", "from": "2026-11-07T22:00", "to": "2026-11-08T06:00"}
EFFECT = "Eli Novak replaces Dee Larsen Sat 22:00-Sun 06:00 CST, 8 h"


async def ask(house: House, method: str, path: str, body: Any = None, key: str = "demo-admin") -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return await house.client.request(method, path, json=body, headers=headers)


async def audited(house: House) -> list[dict[str, Any]]:
    return (await house.get("/v1/audit", "demo-admin")).json()["audit"]


async def test_a_cover_is_answered_with_its_effect(house: House) -> None:
    answer = await ask(house, "POST", f"{BACKUP}/overrides?reason=dentist", COVER)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["effect"] == [
        {
            "rotation": "ops-backup",
            "from": "2026-11-08T04:00:00+00:00",
            "to": "2026-11-08T12:00:00+00:00",
            "before": ["dee"],
            "after": ["eli"],
            "text": EFFECT,
        }
    ]
    [shown] = (await house.get(BACKUP)).json()["overrides"]
    assert body["ids"] == [shown["id"]]
    newest, *_ = await audited(house)
    assert (newest["what"], newest["reason"], newest["before"]) == (f"overrides/{shown['id']}", "dentist", None)
    assert newest["after"]["person"] == "eli"


async def test_every_process_uses_it_when_it_looks_next(house: House) -> None:
    other = Rosters(house.service.rosters.known)
    await ask(house, "POST", f"{BACKUP}/overrides", COVER)
    assert house.service.rosters.roster.version == 2
    await other.refresh(house.service.database)
    assert [o.person for o in other.roster.overrides] == ["eli"]


async def test_it_is_taken_back_by_its_id(house: House) -> None:
    [made] = (await ask(house, "POST", f"{BACKUP}/overrides", COVER)).json()["ids"]
    assert (await ask(house, "DELETE", f"/v1/rotations/ops-primary/overrides/{made}")).status_code == 404
    answer = await ask(house, "DELETE", f"{BACKUP}/overrides/{made}")
    assert answer.status_code == 200
    assert answer.json()["effect"][0]["text"] == "Dee Larsen replaces Eli Novak Sat 22:00-Sun 06:00 CST, 8 h"
    assert (await ask(house, "DELETE", f"{BACKUP}/overrides/{made}")).status_code == 404


async def test_the_same_again_is_refused_however_its_time_is_written(house: House) -> None:
    assert (await ask(house, "POST", f"{BACKUP}/overrides", COVER)).status_code == 201
    again = COVER | {"from": "2026-11-08T04:00Z", "to": "2026-11-08T06:00-06:00"}
    assert (await ask(house, "POST", f"{BACKUP}/overrides", again)).status_code == 409


async def test_edits_at_once_are_all_kept(house: House) -> None:
    """Nobody lost a race: they changed different things."""
    starts = [datetime(2026, 12, day, tzinfo=UTC) for day in range(1, 5)]
    bodies = [COVER | {"from": s.isoformat(), "to": (s + timedelta(hours=1)).isoformat()} for s in starts]
    answers = await asyncio.gather(*(ask(house, "POST", f"{BACKUP}/overrides", body) for body in bodies))
    assert [a.status_code for a in answers] == [201] * 4
    assert len(house.service.rosters.roster.overrides) == 4
    assert house.service.rosters.roster.version == 5


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"person": "zoe"}, "body.person", 'expected the name of one of people, found "zoe"'),
        ({"action": "swap"}, "body.action", "expected one of (add, replace, remove)"),
        ({"from": "soon"}, "body.from", "expected a date and time such as"),
        ({"to": "2026-11-07T21:00"}, "body", 'expected "from" before "to"'),
        ({"person": None}, "body", '"person" is missing'),
        ({"persn": "ana"}, "body.persn", 'unknown field; did you mean "person"?'),
        ({"person": ["ana"]}, "body.person", "expected text"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_changed(
    house: House, change: dict[str, Any], field: str, expected: str
) -> None:
    answer = await ask(house, "POST", f"{BACKUP}/overrides", COVER | change)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    [error, *_] = answer.json()["errors"]
    assert (error["field"], error["expected"].startswith(expected)) == (field, True), error
    assert house.service.rosters.roster.version == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"person": "\\ud800"}', b'{"\\udfff": 1}', b'{"to": NaN, "from": 1e999}']
)
async def test_what_is_no_entry_is_refused(house: House, body: bytes) -> None:
    headers = {"Authorization": "Bearer demo-admin", "Content-Type": "application/json"}
    answer = await house.client.post(f"{BACKUP}/overrides", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("reason", ["a%00b", "a%0Ab", "a" * 501])
async def test_a_reason_is_one_line(house: House, reason: str) -> None:
    answer = await ask(house, "POST", f"{BACKUP}/overrides?reason={reason}", COVER)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.reason")


async def test_of_an_unknown_rotation_nothing_is_changed(house: House) -> None:
    assert (await ask(house, "POST", "/v1/rotations/none/overrides", COVER)).status_code == 404


@pytest.mark.parametrize(("end", "status"), [("2199-12-31T23:59Z", 422), ("2199-12-30T23:59Z", 201)])
async def test_a_far_date_does_not_stop_later_edits(house: House, end: str, status: int) -> None:
    """By the clock of somebody in Tokyo the last hours of the last year are in a year that cannot be written."""
    await ask(house, "PUT", "/v1/people/zoe", {"name": "Zoe", "timezone": "Asia/Tokyo", "slack": "U0ZOE"})
    away = {"person": "zoe", "from": "2026-11-10T00:00Z", "to": end}
    assert (await ask(house, "POST", "/v1/absences", away)).status_code == status
    assert (await ask(house, "POST", f"{BACKUP}/overrides", COVER)).status_code == 201


# --- swaps ------------------------------------------------------------------------------------------------------------

SWAP = {
    "first": {"person": "dee", "from": "2026-11-07T22:00", "to": "2026-11-08T06:00"},
    "second": {"person": "eli", "from": "2026-11-14T22:00", "to": "2026-11-15T06:00"},
}


async def test_two_take_each_others_hours(house: House) -> None:
    answer = await ask(house, "POST", f"{BACKUP}/swaps", SWAP)
    assert answer.status_code == 201, answer.text
    assert [change["text"] for change in answer.json()["effect"]] == [
        "Eli Novak replaces Dee Larsen Sat 22:00-Sun 06:00 CST, 8 h",
        "Dee Larsen replaces Eli Novak Sat 14 Nov 22:00-Sun 15 Nov 06:00 CST, 8 h",
    ]
    assert len(answer.json()["ids"]) == 2
    assert house.service.rosters.roster.version == 2


@pytest.mark.parametrize("wrong", ["first", "second"])
async def test_hours_that_somebody_does_not_have_cannot_be_swapped(house: House, wrong: str) -> None:
    """Not even when they have a part of them; and neither half is made."""
    body = SWAP | {wrong: SWAP[wrong] | {"from": "2026-11-01T00:00", "to": "2026-11-20T00:00"}}
    answer = await ask(house, "POST", f"{BACKUP}/swaps", body)
    assert answer.status_code == 409
    assert answer.json()["detail"].endswith(f"is not on call in ops-backup all the time that {wrong} names")
    assert house.service.rosters.roster.version == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"first": SWAP["first"] | {"person": "zoe"}}, "body.first.person"),
        ({"second": SWAP["second"] | {"from": "soon"}}, "body.second.from"),
        ({"second": SWAP["second"] | {"to": 5}}, "body.second.to"),
        ({"third": 1}, "body.third"),
    ],
)
async def test_what_is_wrong_with_a_swap_is_named(house: House, change: dict[str, Any], field: str) -> None:
    answer = await ask(house, "POST", f"{BACKUP}/swaps", SWAP | change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


# --- absences ---------------------------------------------------------------------------------------------------------

AWAY = {"person": "dee", "from": "2026-11-07T00:00", "to": "2026-11-09T00:00"}


ACCEPTED = "accept_gaps=true&reason=closed"


async def test_a_gap_is_accepted_or_covered_first(house: House) -> None:
    """Nobody would be on call though a route leads there."""
    refused = await ask(house, "POST", "/v1/absences", AWAY)
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "ops-backup: Nobody replaces Dee Larsen Sat 00:00-Mon 00:00 CST, 2 d. "
        "Cover it first, or accept gaps, with a reason",
    )
    assert [change["after"] for change in refused.json()["effect"]] == [[]]
    for none in ("", "&reason=", "&reason=%20%20"):
        unreasoned = await ask(house, "POST", f"/v1/absences?accept_gaps=true{none}", AWAY)
        assert (unreasoned.status_code, unreasoned.json()["errors"][0]["field"]) == (422, "query.reason")
    cover = COVER | {"replaces": None, "from": "2026-11-07T00:00", "to": "2026-11-09T00:00"}
    assert (await ask(house, "POST", f"{BACKUP}/overrides", cover)).status_code == 201
    assert (await ask(house, "POST", "/v1/absences", AWAY)).status_code == 201


async def test_a_gap_where_no_route_leads_harms_nobody(house: House) -> None:
    night = (await house.get(BACKUP, "demo-admin")).json()["entry"]
    assert (await ask(house, "PUT", "/v1/rotations/night", night)).status_code == 201
    removal = {"action": "remove", "person": "dee", "from": "2026-11-07T00:00", "to": "2026-11-08T00:00"}
    made = await ask(house, "POST", "/v1/rotations/night/overrides", removal)
    assert (made.status_code, made.json()["effect"][0]["after"]) == (201, [])


async def test_an_absence_says_whom_nobody_replaces(house: House) -> None:
    answer = await ask(house, "POST", f"/v1/absences?{ACCEPTED}", AWAY)
    assert answer.status_code == 201
    assert answer.json()["effect"][0]["text"] == "Nobody replaces Dee Larsen Sat 00:00-Mon 00:00 CST, 2 d"
    [shown] = (await house.get("/v1/absences")).json()["absences"]
    assert [shown["id"]] == answer.json()["ids"]
    assert shown == {
        "id": shown["id"],
        "person": "dee",
        "from": "2026-11-07T06:00:00+00:00",
        "to": "2026-11-09T06:00:00+00:00",
    }
    back = await ask(house, "DELETE", f"/v1/absences/{shown['id']}")
    assert back.json()["effect"][0]["text"].startswith("Dee Larsen joins an empty rota Sat 00:00-Mon 00:00")
    assert (await ask(house, "DELETE", f"/v1/absences/{shown['id']}")).status_code == 404


async def test_pages_of_absences_follow_each_other(house: House) -> None:
    for day in (9, 7, 8):
        body = {"person": "dee", "from": f"2026-11-0{day}T00:00", "to": f"2026-11-0{day}T01:00"}
        assert (await ask(house, "POST", f"/v1/absences?{ACCEPTED}", body)).status_code == 201
    first = (await house.get("/v1/absences?limit=2")).json()
    second = (await house.get("/v1/absences", params={"limit": 2, "after": first["next"]})).json()
    assert [a["from"][8:10] for a in first["absences"] + second["absences"]] == ["07", "08", "09"]


# --- hours that would do nothing --------------------------------------------------------------------------------------

OVER = {"from": "2026-11-01T22:00", "to": "2026-11-02T06:00"}
NOW_OVER = {"from": "2026-11-03T08:00", "to": "2026-11-03T09:00"}  # it is 09:00 there
FAR = {"from": "2027-11-04T10:01", "to": "2027-11-04T12:00"}


@pytest.mark.parametrize(
    ("hours", "field", "expected"),
    [
        (OVER, "to", "expected an instant later than now, 2026-11-03T15:00Z, found 2026-11-02T12:00Z"),
        (NOW_OVER, "to", "expected an instant later than now, 2026-11-03T15:00Z, found 2026-11-03T15:00Z"),
        (FAR, "from", "expected an instant at most 366 days from now, found 2027-11-04T15:01Z"),
    ],
)
async def test_hours_that_nobody_would_see_are_refused(
    house: House, hours: dict[str, str], field: str, expected: str
) -> None:
    """Over already, or farther ahead than anybody looks: a slip of the year, which would be found at night."""
    swap = SWAP | {"second": SWAP["second"] | hours}
    for path, body, name in (
        (f"{BACKUP}/overrides", COVER | hours, "body"),
        (f"{BACKUP}/swaps", swap, "body.second"),
        ("/v1/absences", AWAY | hours, "body"),
    ):
        answer = await ask(house, "POST", path, body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"] == [{"field": f"{name}.{field}", "expected": expected}]
    assert house.service.rosters.roster.version == 1


@pytest.mark.parametrize(
    "hours", [OVER | {"to": "2026-11-03T09:01"}, {"from": "2027-11-04T10:00", "to": "2027-11-04T12:00"}]
)
async def test_hours_that_have_begun_or_are_a_year_ahead_are_right(house: House, hours: dict[str, str]) -> None:
    answer = await ask(house, "POST", f"{BACKUP}/overrides", {"action": "add", "person": "eli"} | hours)
    assert answer.status_code == 201, answer.text


async def test_hours_that_end_beyond_what_anybody_looks_at_are_said(house: House) -> None:
    answer = await ask(house, "POST", f"/v1/absences?{ACCEPTED}", AWAY | {"to": "2199-01-01T00:00"})
    [said] = answer.json()["warnings"]
    assert said == (
        f"absence {answer.json()['ids'][0]} (dee 2026-11-07T00:00-06:00 2199-01-01T00:00-06:00): "
        "ends more than 366 days from now, farther than anybody looks for who is missing"
    )


# --- who may, and what it is called -----------------------------------------------------------------------------------


async def test_admins_may_and_nobody_else(house: House) -> None:
    edits = [
        ("POST", f"{BACKUP}/overrides", COVER),
        ("DELETE", f"{BACKUP}/overrides/x", None),
        ("POST", f"{BACKUP}/swaps", SWAP),
        ("POST", "/v1/absences", AWAY),
        ("DELETE", "/v1/absences/x", None),
    ]
    for method, path, body in edits:
        assert (await ask(house, method, path, body, "wrong")).status_code == 401
        assert (await ask(house, method, path, body, "demo-operator")).status_code == 403
        assert (await ask(house, method, path, body, "demo-upstream")).status_code == 403


@pytest.mark.parametrize("seed", range(50))
def test_an_id_is_the_same_wherever_it_is_made(seed: int) -> None:
    rota, _ = world(Random(seed))
    names = rota.people | {a.person for a in rota.absences}
    people = {name: Person(id=name, name=name, timezone="Asia/Kathmandu") for name in names}
    overrides, absences = dict.fromkeys(rota.overrides), dict.fromkeys(rota.absences)
    roster = Roster(people=people, rotations={"r": rota.rotation}, overrides=tuple(overrides), absences=tuple(absences))
    data = document(roster)
    assert list(entries("overrides", data.get("overrides"))) == [override_id(o) for o in overrides]
    assert list(entries("absences", data.get("absences"))) == [absence_id(a) for a in absences]
