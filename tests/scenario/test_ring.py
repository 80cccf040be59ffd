"""`gridcall ring`: one person is called, marked as a test; the key shows that Twilio reaches us too."""

from tests.scenario.world import World

KEY = {"Authorization": "Bearer demo-operator"}


async def test_one_person_is_rung(world: World) -> None:
    path = "/v1/people/ana/ring"
    ana = world.phone("ana")
    await world.scene("nobody answers")
    assert (await world.http.get(path, headers=KEY)).status_code == 404
    asked = await world.http.post(path, headers=KEY)
    assert (asked.status_code, asked.json()["state"]) == (202, "calling")
    await world.advance(seconds=3)
    assert (await world.http.get(path, headers=KEY)).json()["state"] == "ringing"
    assert (await world.http.post(path, headers=KEY)).status_code == 409  # once at a time
    call = ana.expects_call("Test. This is a test of Gridcall, there is no event.", "This was a test.")
    await call.presses("5")
    await world.advance(seconds=2)
    assert (await world.http.get(path, headers=KEY)).json()["state"] == "answered"
    await call.presses("1")
    await world.advance(seconds=10)
    found = (await world.http.get(path, headers=KEY)).json()
    assert (found["state"], found["outcome"]) == ("confirmed", "")
    assert call.heard[-1] == "Thank you. Calls reach you. This was a test. Goodbye."
    assert call.ended == "completed"

    ben = world.phone("ben")
    assert (await world.http.post("/v1/people/ben/ring", headers=KEY)).status_code == 202
    await world.advance(seconds=50)
    ben.expects_call("This is a test")
    found = (await world.http.get("/v1/people/ben/ring", headers=KEY)).json()
    assert (found["state"], found["outcome"]) == ("failed", "no answer")
    forged = await world.http.post(f"/callbacks/twilio/ring/{found['id']}/key", data={"Digits": "1"})
    assert forged.status_code == 403
    assert (await world.http.get("/v1/people/ben/ring", headers=KEY)).json()["state"] == "failed"
    assert (await world.http.post("/v1/people/nobody/ring", headers=KEY)).status_code == 404

    await world.post("edr")
    await world.advance(seconds=3)
    busy = await world.http.post(path, headers=KEY)
    assert (busy.status_code, busy.json()["title"]) == (409, "The number is busy")
    for phone in (ana, ben):
        for happened in (*phone.calls, *phone.texts):  # other stories look at what comes
            happened.expected = True
