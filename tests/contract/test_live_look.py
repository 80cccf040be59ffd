"""`gridcall doctor --live` against the stand-ins: each thing that may be wrong is one failed line with what to do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app import live_look, standins
from app.doctor import Level
from app.serve import DEMO_ROSTER
from config.settings import Settings, load_settings
from model.roster import Roster
from sandbox import Settings as Accounts
from sandbox import World, build
from sandbox.faults import Fault
from sandbox.twilio.parameters import TextOrder
from sandbox.twilio.texts import Outbox, Text
from tests.app_fixture import read_roster
from tests.contract.test_standins_speak_vendor_apis import FastClock
from tests.contract.wire import Recorder
from tests.serving import serving

PUBLIC = "http://gridcall.test"
FINE = Accounts(twilio_sms_inbound_url=f"{PUBLIC}/callbacks/twilio/sms/inbound#rc=5&rp=5xx,ct,rt")


@pytest.fixture
def roster() -> Roster:
    return read_roster(DEMO_ROSTER.read_text(), DEMO_ROSTER.name).roster


async def failed(
    folder: Path, roster: Roster, accounts: Accounts, *, refused: bool = False, **changed: Any
) -> dict[str, str]:
    """What failed but for the public URL, which no test has. `refused`: a text was, and PagerDuty's keys are."""
    world = World(FastClock(), accounts)
    if refused:
        order = TextOrder(to="+15550101", sender=accounts.default_sender, body="Hello", status_url=None)
        text = Text(order, accounts.twilio_account_sid, world.clock.now(), Outbox(world.courier, "a text"))
        text.error_code = 30034
        world.texts.by_sid[text.sid] = text
        world.faults.active["pagerduty"] = Fault(status=400, count=99)
    async with serving(Recorder(build(world))) as base:
        given = load_settings(
            data_dir=folder, slack_app_token=accounts.slack_app_token, slack_bot_token="xoxb-to-be-replaced"
        )
        known: Settings = standins.demo_settings(given, PUBLIC, base)
        found = await live_look.look(known.model_copy(update=changed), roster)
    assert [f.what for f in found if f.level is Level.FAILS and f.what == "public URL"] == ["public URL"]
    assert all(f.detail.startswith("ok: " if f.level is Level.FINE else "failed: ") for f in found)
    assert all(". Next: " in f.detail for f in found if f.level is Level.FAILS)
    return {f.what: f.detail for f in found if f.level is Level.FAILS and f.what != "public URL"}


async def test_the_account_of_the_watch_is_looked_at_too(tmp_path: Path, roster: Roster) -> None:
    own = {"watch_twilio_account_sid": FINE.twilio_account_sid, "watch_twilio_from": FINE.default_sender}
    right, wrong = (own | {"watch_twilio_auth_token": SecretStr(t)} for t in (FINE.twilio_auth_token, "wrong"))
    assert await failed(tmp_path, roster, FINE, **right) == {}
    found = await failed(tmp_path, roster, FINE, **wrong)
    assert list(found) == ["Twilio credentials of the watch"]
    assert "copy GRIDCALL_WATCH_TWILIO_ACCOUNT_SID" in found["Twilio credentials of the watch"]


async def test_accounts_that_are_in_order(tmp_path: Path, roster: Roster) -> None:
    assert await failed(tmp_path, roster, FINE) == {}


BROKEN = {
    "Twilio credentials": (FINE, {"twilio_auth_token": SecretStr("wrong")}, "20003"),
    "Twilio lines": (replace(FINE, twilio_type="Trial"), {}, "upgrade the account"),
    "Twilio balance": (replace(FINE, twilio_balance="1.20"), {}, "1.20 USD are left. Next: pay in"),
    "Twilio number": (FINE, {"twilio_from": "+15550177"}, "no number of this account"),
    "Slack credentials": (FINE, {"slack_bot_token": SecretStr("xoxb-wrong")}, "invalid_auth"),
    "Slack Socket Mode": (FINE, {"slack_app_token": SecretStr("xapp-wrong")}, "switch Socket Mode on"),
    "Slack scopes": (replace(FINE, slack_scopes=FINE.slack_scopes[1:]), {}, "chat:write missing"),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_what_is_wrong_there_is_named(tmp_path: Path, roster: Roster, what: str) -> None:
    accounts, changed, said = BROKEN[what]
    found = await failed(tmp_path, roster, accounts, **changed)
    assert list(found) == [what]
    assert said in found[what]


async def test_texts_are_to_be_answered_here(tmp_path: Path, roster: Roster) -> None:
    found = await failed(tmp_path, roster, replace(FINE, twilio_sms_inbound_url="https://elsewhere.example/"))
    assert f"set its incoming texts to POST {PUBLIC}/callbacks/twilio/sms/inbound" in found["Twilio number"]


async def test_channels_and_keys_of_the_roster(tmp_path: Path, roster: Roster) -> None:
    """A channel the bot is not in, one there is not, one that is archived; a key PagerDuty does not take."""
    [team, *_] = roster.teams.values()
    assert team.pagerduty is not None
    bad = replace(team, slack_channel="C0NOTMEMBER", slack_test_channel="C0ARCHIVED")
    known = replace(roster, teams={team.id: bad}, admin_channel="C0NOTFOUND")
    found = await failed(tmp_path, known, FINE, refused=True)
    assert {what: detail.partition(". Next: ")[0] for what, detail in found.items() if "Slack" in what} == {
        "Slack channel C0NOTMEMBER": "failed: the bot is not in it",
        "Slack channel C0ARCHIVED": "failed: it is archived",
        "Slack channel C0NOTFOUND": "failed: Slack answered 200 channel_not_found",
    }
    assert "PagerDuty answered 400" in found[f"PagerDuty key of {team.id}"]


async def test_texts_refused_for_lack_of_registration(tmp_path: Path, roster: Roster) -> None:
    found = await failed(tmp_path, roster, FINE, refused=True)
    assert "1 of the last 1 texts were refused (30034). Next: register" in found["Twilio A2P 10DLC"]
