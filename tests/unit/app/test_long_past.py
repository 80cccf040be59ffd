"""What ended more than a year ago leaves the roster with its next change, and is nobody's change itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from app import keeping, roster_edits
from app.editing import planned
from app.out_of_sight import KEPT, without_long_past
from app.rosters import Snapshot
from app.stores import database_place
from config import yaml_tree
from config.roster_file import RosterFile
from config.settings import load_settings
from model.errors import SettingsError
from model.roster import Roster
from model.rota import Absence, Override, OverrideAction
from store import audit, rosters
from tests.app_fixture import ROSTER, read_roster

NOW = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
COVER = {"rotation": "ops-backup", "action": "replace", "person": "eli", "from": NOW.isoformat()}
COVER |= {"to": (NOW + 8 * HOUR).isoformat()}


def cover(end: datetime) -> Override:
    return Override(rotation="ops-backup", action=OverrideAction.REPLACE, person="eli", start=end - HOUR, end=end)


def away(end: datetime) -> Absence:
    return Absence(person="dee", start=end - HOUR, end=end)


def house(*ends: datetime) -> Roster:
    roster = read_roster(ROSTER.read_text(), "r").roster
    return replace(roster, version=7, overrides=tuple(map(cover, ends)), absences=tuple(map(away, ends)))


def test_what_ended_within_the_year_stays():
    at_the_edge, ahead = NOW - KEPT, NOW + 400 * 24 * HOUR
    roster = house(at_the_edge, NOW - HOUR, ahead)
    assert without_long_past(roster, NOW) is roster
    found = without_long_past(house(at_the_edge - timedelta(seconds=1), at_the_edge, ahead), NOW)
    assert found == house(at_the_edge, ahead)


def test_a_cover_is_kept_without_them_and_says_nothing_of_them():
    before = Snapshot(roster=house(NOW - KEPT - HOUR, NOW - HOUR), keys=())
    edit = planned(before, lambda b: roster_edits.add(b, "overrides", COVER, NOW), NOW)
    assert [o.end for o in edit.after.roster.overrides] == [NOW - HOUR, NOW + 8 * HOUR]
    assert [a.end for a in edit.after.roster.absences] == [NOW - HOUR]
    assert [change["change"] for change in edit.told["changes"]] == ["added"]
    assert edit.before.roster.version == edit.after.roster.version == 7


def test_a_roster_full_of_them_takes_one_more_cover(monkeypatch: pytest.MonkeyPatch):
    before = Snapshot(roster=house(*(NOW - KEPT - n * HOUR for n in range(1, 200))), keys=())
    decide = partial(roster_edits.add, section="overrides", entry=COVER, now=NOW)
    monkeypatch.setattr(yaml_tree, "MAX_CHARS", 15_000)
    with pytest.raises(SettingsError, match="at most 15000 characters"):
        decide(before)
    assert len(planned(before, decide, NOW).after.roster.overrides) == 1


def test_an_old_file_does_not_bring_them_back_nor_is_it_refused_for_them(tmp_path):
    """It was exported while they counted; nothing of what it says was changed since."""
    settings = load_settings(data_dir=tmp_path)
    place = database_place(settings)
    place.upgrade()
    first = RosterFile(roster=house(NOW - HOUR), sha256="1")
    assert keeping.load(settings, first, NOW).version == 1
    later = NOW + KEPT
    other = replace(first.roster, admin_channel="C0OTHER")
    assert keeping.load(settings, RosterFile(roster=other, sha256="2", from_version=1), later).version == 2
    assert place.look(rosters.latest).overrides == place.look(rosters.latest).absences == ()
    again = replace(other, admin_channel="C0THIRD")
    assert keeping.load(settings, RosterFile(roster=again, sha256="3", from_version=2), later).version == 3
    told = place.look(lambda conn: audit.after_version(conn, 1))
    assert not [entry for entry in told if entry.changed.what.startswith(("overrides", "absences"))]
