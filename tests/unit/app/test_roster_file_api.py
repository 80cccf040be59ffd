"""The roster as one file over the API: what it would change is said first; it is applied whole, or not at all."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from app import undoing
from app.editing import Why
from app.rosters import Rosters, Snapshot
from app.security import Caller
from config.keys import Role
from config.roster_file import load_roster
from tests.app_fixture import NUMBERS, ROSTER, START, House

TEXT = ROSTER.read_text().partition("\nkeys:")[0]
RENAMED = TEXT.replace("name: Ana Reyes", "name: Ana R.")
SWAPPED = TEXT.replace("[dee, eli]", "[eli, dee]")
OWN_KEYS = "\nkeys:\n  root: {role: admin, secret: a-secret-of-twenty-characters}\n"


async def apply(house: House, text: str, if_match: str | None = '"1"', **more: Any) -> httpx2.Response:
    headers = {"If-Match": if_match} if if_match else {}
    return await house.put("/v1/roster", "demo-admin", content=text.encode(), headers=headers, **more)


async def plan(house: House, text: str) -> httpx2.Response:
    return await house.post("/v1/roster/plan", "demo-admin", content=text.encode())


async def test_what_is_exported_reads_back_and_changes_nothing(house: House) -> None:
    found = await house.get("/v1/roster", "demo-admin")
    assert (found.headers["etag"], found.headers["content-type"]) == ('"1"', "application/yaml")
    assert load_roster(found.text, "exported").roster == load_roster(TEXT, "demo").roster
    planned = (await plan(house, found.text)).json()
    assert (planned["version"], planned["changes"], planned["effect"]) == (1, [], [])


async def test_a_plan_says_what_changes_and_whose_duty(house: House) -> None:
    planned = (await plan(house, SWAPPED)).json()
    [change] = planned["changes"]
    assert change["text"] == "change rotation ops-backup: layers[0].participants [dee, eli] -> [eli, dee]"
    first, *_ = planned["effect"]
    assert first["text"] == "Eli Novak replaces Dee Larsen Tue 09:00-Mon 09:00 CST, 6 d"
    assert house.service.rosters.roster.version == 1


async def test_applying_it_is_used_at_once_by_this_process(house: House) -> None:
    answer = await apply(house, SWAPPED, params={"reason": "they asked for it"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["version"], answer.headers["etag"]) == (2, '"2"')
    assert answer.json()["effect"][0]["after"] == ["eli"]
    on_call = (await house.get("/v1/oncall?team=ops")).json()["rotations"][0]
    assert [p["id"] for g in on_call["groups"] for p in g["people"]] == ["eli"]
    newest = (await house.get("/v1/audit", "demo-admin")).json()["audit"][0]
    assert (newest["key_id"], newest["reason"], newest["roster_version"]) == ("demo-admin", "they asked for it", 2)


async def test_another_process_uses_it_when_it_looks(house: House) -> None:
    other = Rosters(house.service.rosters.known)
    await apply(house, SWAPPED)
    await other.refresh(house.service.database)
    assert other.roster == house.service.rosters.roster


async def test_a_file_undoes_nothing_that_was_changed_since_it_was_exported(house: House) -> None:
    """A key that somebody made meanwhile is nothing of the file's; a cover is."""
    exported = (await house.get("/v1/roster", "demo-admin")).text
    ours = exported.replace("name: Ben Okafor", "name: Ben O.")
    await house.post("/v1/keys", "demo-admin", json={"name": "desk", "role": "operator"})
    assert (await plan(house, ours)).json()["undoes"] == []
    cover = {"action": "add", "person": "eli", "from": "2026-11-07T22:00", "to": "2026-11-08T06:00"}
    made = await house.post("/v1/rotations/ops-backup/overrides?reason=dentist", "demo-admin", json=cover)
    [planned] = (await plan(house, ours)).json()["undoes"]
    assert planned == {
        "what": f"overrides/{made.json()['ids'][0]}",
        "text": made.json()["changes"][0]["text"],
        "actor": "key demo-admin",
        "at": START.isoformat(),
        "reason": "dentist",
    }
    refused = await apply(house, ours, "*")
    body = refused.json()
    assert (refused.status_code, body["title"], body["undoes"]) == (409, undoing.TITLE, [planned])
    since = "by key demo-admin at 2026-11-03 15:00 UTC, after version 1, from which the file was exported"
    assert body["detail"] == f"{planned['text']}, {since}: {undoing.WAY_ON}"
    assert house.service.rosters.roster.people["ben"].name == "Ben Okafor"
    assert (await apply(house, ours.partition("\n")[2], "*")).status_code == 200


async def test_a_file_of_another_gridcall_is_not_taken_for_one_of_this(house: House) -> None:
    for version, status in ((1, 200), (12, 409)):
        planned = await plan(house, f"from_version: {version}\n{RENAMED}")
        assert planned.status_code == status, planned.text
    assert planned.json()["detail"].startswith("the file was exported from version 12, and 1 is the newest here")
    assert (await plan(house, f"from_version: 12\n{TEXT}")).json()["changes"] == []


async def test_hours_that_do_nothing_are_said_and_saved(house: House) -> None:
    """They were right when the file was written. Those that were there before are not said again."""
    hours = [("2026-10-07", "2026-10-08"), ("2026-09-07", "2026-09-08"), ("2028-10-07", "2028-10-08")]
    hours += [("2026-11-07", "2199-01-01")]
    more = "\nabsences:\n" + "".join(f"  - {{person: dee, from: {a}T00:00, to: {b}T00:00}}\n" for a, b in hours)
    done = (await apply(house, TEXT + more, params={"accept_gaps": "true", "reason": "left"})).json()
    one, *others = done["warnings"]
    assert one.endswith(" and 1 more: over already, nothing changes by it")
    assert [said.rpartition(": ")[2].partition(",")[0] for said in others] == [
        "begins more than 366 days from now",
        "ends more than 366 days from now",
    ]
    assert (await plan(house, TEXT + more)).json()["warnings"] == []


async def test_who_decided_on_an_older_version_is_refused(house: House) -> None:
    assert (await apply(house, RENAMED, None)).status_code == 428
    assert (await apply(house, RENAMED)).status_code == 200
    late = await apply(house, SWAPPED)
    assert late.status_code == 412
    assert late.json()["detail"] == 'its ETag is "2" now: read it again, and decide again'
    assert house.service.rosters.roster.people["ana"].name == "Ana R."


@pytest.mark.parametrize(("if_match", "status"), [('W/"1"', 200), ('"0", W/"1"', 200), ('W/"2"', 412), ("W/1", 412)])
async def test_a_tag_that_a_proxy_weakened_is_taken(house: House, if_match: str, status: int) -> None:
    assert (await apply(house, RENAMED, if_match)).status_code == status


async def test_other_keys_are_another_version(house: House) -> None:
    """A key that somebody took back is not brought back by who had not seen that."""
    admin = "\nkeys:\n  demo-admin: {role: admin, secret: demo-admin}\n"
    leaked = f"{admin}  leaked: {{role: operator, secret: demo-leaked}}\n"
    assert (await apply(house, TEXT + leaked)).json()["version"] == 2
    etag = (await house.get("/v1/roster", "demo-admin")).headers["etag"]
    assert (await apply(house, TEXT + admin, etag)).json()["version"] == 3
    assert (await apply(house, TEXT + leaked, etag)).status_code == 412
    assert (await house.get("/v1/people", "demo-leaked")).status_code == 401
    assert (await apply(house, TEXT + admin, '"3"')).json()["version"] == 3


async def test_a_file_that_brings_keys_and_none_of_an_admin_is_refused(house: House) -> None:
    """Nobody could take that back by the API."""
    desk = "\nkeys:\n  desk: {role: operator, secret: a-secret-of-twenty-characters}\n"
    refused = await apply(house, TEXT + desk)
    assert (refused.status_code, refused.json()["title"]) == (409, "Nobody could change anything any more")
    assert (await house.get("/v1/roster", "demo-admin")).headers["etag"] == '"1"'


async def test_of_two_at_once_one_is_refused(house: House) -> None:
    answers = await asyncio.gather(apply(house, RENAMED), apply(house, SWAPPED))
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_file_that_leaves_a_gap_is_planned_and_refused(house: House) -> None:
    away = "\nabsences:\n  - {person: dee, from: 2026-11-07T00:00, to: 2026-11-08T00:00}\n"
    assert (await plan(house, TEXT + away)).json()["effect"][0]["after"] == []
    refused = await apply(house, TEXT + away)
    assert (refused.status_code, refused.json()["title"]) == (409, "It leaves a gap")
    assert (await apply(house, TEXT + away, params={"accept_gaps": "true", "reason": "closed"})).status_code == 200


async def test_a_rotation_with_another_name_that_begins_later_is_a_gap(house: House) -> None:
    renamed = TEXT.replace("ops-primary", "ops-first").replace("2024-01-01T09:00", "2027-06-01T09:00", 1)
    gap = "Nobody is on call Tue 09:00-Sat 2 Jan 09:00 CST, 60 d"
    assert gap in [change["text"] for change in (await plan(house, renamed)).json()["effect"]]
    refused = await apply(house, renamed)
    assert (refused.status_code, refused.json()["title"]) == (409, "It leaves a gap")


async def test_nothing_of_a_wrong_file_is_applied(house: House) -> None:
    wrong = RENAMED.replace("phone: +13125550102", "phone: 555").replace("[dee, eli]", "[dee, ely]")
    for answer in (await apply(house, wrong), await plan(house, wrong)):
        assert answer.status_code == 422
        assert [e["field"] for e in answer.json()["errors"]] == [
            "people.ben.phone",
            "rotations.ops-backup.layers[0].participants[1]",
        ]
    assert house.service.rosters.roster.version == 1


@pytest.mark.parametrize("body", [b"\xff", b"people: [", b"", b"!!python/object:os.system {}"])
async def test_what_is_no_roster_is_refused(house: House, body: bytes) -> None:
    answer = await house.post("/v1/roster/plan", "demo-admin", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_without_keys_the_keys_stay_with_keys_they_are_replaced(house: House) -> None:
    await apply(house, RENAMED)
    assert (await house.get("/v1/roster", "demo-admin")).status_code == 200
    planned = (await plan(house, RENAMED + OWN_KEYS)).json()["changes"]
    assert [c["text"] for c in planned][-1] == "add key root (admin)"
    assert (await apply(house, RENAMED + OWN_KEYS, '"2"')).status_code == 200
    assert (await house.get("/v1/roster", "demo-admin")).status_code == 401
    assert (await house.get("/v1/roster", "a-secret-of-twenty-characters")).status_code == 200


async def test_a_source_that_a_key_belongs_to_cannot_go(house: House) -> None:
    gone = TEXT.replace("  alertmanager:\n    name: Alertmanager\n    format: alertmanager\n    heartbeat: none\n", "")
    answer = await apply(house, gone)
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("key demo-alertmanager belongs to source alertmanager")


async def test_keys_of_the_demo_are_refused_outside_it(house: House) -> None:
    await apply(house, TEXT + OWN_KEYS)
    demo = TEXT + OWN_KEYS.replace("a-secret-of-twenty-characters", "demo-root")
    headers = {"If-Match": "*"}
    answer = await house.put("/v1/roster", "a-secret-of-twenty-characters", content=demo.encode(), headers=headers)
    assert (answer.status_code, "for the demo only" in answer.text) == (422, True)


async def test_admins_may_and_nobody_else(house: House) -> None:
    for key, status in ((None, 401), ("demo-upstream", 403), ("demo-operator", 403)):
        answers = [
            await house.get("/v1/roster", key),
            await house.post("/v1/roster/plan", key, content=b""),
            await house.put("/v1/roster", key, content=b""),
        ]
        assert [answer.status_code for answer in answers] == [status] * 3
        assert not [number for number in NUMBERS if number in answers[0].text]


async def test_an_edit_is_not_lost_to_one_that_is_saved_meanwhile(house: House) -> None:
    """Between reading and saving somebody else was faster: it is decided anew on what they saved."""
    loop, seen = asyncio.get_running_loop(), list[int]()

    def decide(before: Snapshot) -> Snapshot:
        seen.append(before.roster.version)
        if len(seen) == 1:
            asyncio.run_coroutine_threadsafe(apply(house, RENAMED), loop).result()
        return replace(before, roster=replace(before.roster, admin_channel="C0NEW"))

    edit = await house.service.editor.edit(decide, Caller("root", Role.ADMIN, None, None), Why())
    assert (seen, edit.after.roster.version) == ([1, 2], 3)
    now = house.service.rosters.roster
    assert (now.admin_channel, now.people["ana"].name) == ("C0NEW", "Ana R.")


async def test_a_policy_that_no_line_can_keep_is_said_and_saved(house: House) -> None:
    """Five lines, and calls that take the whole time: everyone is more people than lines."""
    assert (await plan(house, TEXT)).json()["warnings"] == []
    crowd = "".join(
        f'  q{n}: {{name: "Q{n}", timezone: America/Chicago, phone: "+1312555{n + 100:04}", sms: false}}\n'
        for n in range(60, 66)
    )
    wanted = TEXT.replace("\npeople:\n", f"\npeople:\n{crowd}", 1).replace(
        "\npolicies:\n",
        "\npolicies:\n  all: {objective: everyone, sla_seconds: 120, steps: "
        "[{after_seconds: 0, people: [q60, q61, q62, q63, q64, q65]}]}\n",
        1,
    )
    planned = (await plan(house, wanted)).json()
    [said] = planned["warnings"]
    assert said.startswith("policy all: everyone must accept, and 1 of 6 people can be called in time: 5 lines")
    assert (await apply(house, wanted)).json()["warnings"] == [said]


async def test_a_policy_that_goes_under_an_open_event_of_a_route_that_continued(house: House) -> None:
    """Its team and policy count as in use, as those of the route that decided do."""
    also = "  - {id: too, team: spare, policy: spare, continue: true}\n"
    steps = "  spare: {steps: [{after_seconds: 0, people: [ana]}]}\n"
    both = TEXT.replace("\nroutes:\n", f"\nroutes:\n{also}").replace("\npolicies:\n", f"\npolicies:\n{steps}")
    both = both.replace("\nteams:\n", "\nteams:\n  spare: {name: Spare}\n")
    assert (await apply(house, both)).status_code == 200
    await house.send("E-1")
    warnings = (await plan(house, TEXT)).json()["warnings"]
    assert [w.split(":")[0] for w in warnings] == [
        "policy spare goes although 1 open event goes by it",
        "team spare goes although 1 open event goes by it",
    ]


async def test_a_policy_that_is_renamed_under_an_open_event(house: House) -> None:
    """It is warned of; the event goes on by the policy of its route, and the admins hear so."""
    await house.send("E-1")
    renamed = TEXT.replace("policy: default", "policy: default-v2").replace("  default:\n", "  default-v2:\n")
    [warning] = (await plan(house, renamed)).json()["warnings"]
    assert warning.startswith("policy default goes although 1 open event goes by it")
    answer = await apply(house, renamed)
    assert (answer.status_code, answer.json()["warnings"]) == (200, [warning])
    house.advance(700)
    found: dict[str, Any] = {}
    while found.get("verdict") is None:
        found = (await house.get("/v1/events/miso/E-1")).json()
    notes = [entry["body"]["remarks"] for entry in found["timeline"] if entry["kind"] == "revised"]
    assert ["policy default is no longer in the roster: the event goes on by policy default-v2"] in notes
