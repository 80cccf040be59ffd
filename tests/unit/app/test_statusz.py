"""`/statusz`: the whole installation as one process sees it."""

from datetime import timedelta

from app.roles import EVERY_ROLE, Role
from store import leases
from tests.app_fixture import House, opened


async def looked(house: House, times: int = 2) -> dict:
    for _ in range(times):
        await house.service.vital.look()
    answer = await house.get("/statusz", key=None)
    return {"http": answer.status_code} | answer.json()


async def test_all_roles_in_one_process_are_well(tmp_path):
    async with opened(tmp_path, loops=False) as house:
        assert await looked(house) == {
            "http": 200,
            "status": "well",
            "reasons": [],
            "warnings": [],
            "roles": {"api": 0.0, "monitor": 0.0, "notifier": 0.0, "router": 0.0},
            "urgent_unsent_oldest_seconds": 0.0,
        }


async def test_before_the_second_look_nothing_is_said_of_the_others(tmp_path):
    async with opened(tmp_path, loops=False, roles={Role.API}) as house:
        assert (await looked(house, 1))["status"] == "well"
        assert len((await looked(house, 1))["reasons"]) == 3


async def test_a_role_that_nobody_has_is_missed_until_somebody_has_it(tmp_path):
    async with opened(tmp_path, loops=False, roles=EVERY_ROLE - {Role.ROUTER}) as house:
        assert await looked(house) | {"roles": ...} == {
            "http": 503,
            "status": "not well",
            "reasons": ["no process with the role router lives"],
            "warnings": [],
            "roles": ...,
            "urgent_unsent_oldest_seconds": 0.0,
        }
        await router_lives(house)
        assert (await looked(house))["http"] == 200
        house.advance(14)
        assert (await looked(house))["http"] == 200, "the loops that do not run here count as turning for 15 s"
        house.advance(1)
        found = await looked(house)
        assert found["reasons"] == ["no process with the role router lives"]
        assert found["roles"]["router"] == 15.0


async def router_lives(house: House) -> None:
    now = house.clock.now()
    until = now + timedelta(seconds=15)
    await house.service.database.transact(lambda conn: leases.hold_roles(conn, ["router"], "another", now, until))


async def test_a_database_that_does_not_answer_is_a_reason(tmp_path):
    async with opened(tmp_path, loops=False) as house:
        assert (await looked(house))["http"] == 200
        house.advance(15)
        answer = await house.get("/statusz", key=None)
        assert (answer.status_code, answer.json()["reasons"][-1]) == (503, "the database does not answer")


async def test_a_process_whose_loop_stands_still_does_not_say_that_it_lives(tmp_path):
    async with opened(tmp_path, loops=False) as house:
        await looked(house)
        house.advance(16)  # no loop turns here
        found = await looked(house)
        assert "the dispatcher loop has not turned" in found["reasons"]
        assert "no process with the role notifier lives" in found["reasons"]
