"""Whatever is sent as an entry is read, or refused in words; nothing else is raised."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import roster_edits
from app.editing import planned
from app.problems import Problem
from app.rosters import Snapshot
from config.roster_file import load_roster
from config.roster_writer import document
from model.errors import SettingsError
from tests.app_fixture import ROSTER, START

patient = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
BEFORE = Snapshot(roster=load_roster(ROSTER.read_text(), "demo").roster, keys=())
SECTIONS = ("people", "teams", "rotations", "policies", "sources")
WRITTEN = document(BEFORE.roster)
FIELDS = sorted({field for section in SECTIONS for entry in WRITTEN[section].values() for field in entry} | {"match"})

NAMES = st.sampled_from([*FIELDS, "from", "to", "person", "unit", "count", "days", "participants"])
LIKELY = st.sampled_from(
    ["ana", "ops", "ops-primary", "miso", "UTC", "+13125550109", "22:00", "2026-11-07T22:00", "day"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | LIKELY
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(), inner, max_size=8),
    max_leaves=30,
)
BODIES = st.dictionaries(NAMES | st.text(), JSON, max_size=8)


def refused_or_planned(decide) -> None:
    try:
        edit = planned(BEFORE, decide, START)
    except (Problem, SettingsError):
        return
    json.dumps(edit.shown())


@patient
@given(section=st.sampled_from(SECTIONS), name=st.sampled_from(["new", "ana", "ops", "No", "a.b"]), body=BODIES)
def test_an_entry_of_anything(section: str, name: str, body: dict) -> None:
    refused_or_planned(lambda before: roster_edits.put(before, section, name, body))


@patient
@given(section=st.sampled_from(["overrides", "absences"]), body=BODIES)
def test_an_override_or_absence_of_anything(section: str, body: dict) -> None:
    refused_or_planned(lambda before: roster_edits.add(before, section, body, START))


@patient
@given(body=BODIES)
def test_a_route_or_resource_of_anything(body: dict) -> None:
    refused_or_planned(lambda before: roster_edits.put_route(before, "new", body | {"id": "new"}, None))
    refused_or_planned(lambda before: roster_edits.put_resources(before, [("body", body)]))


@patient
@given(data=st.data())
def test_an_entry_that_is_right_but_for_one_field(data: st.DataObject) -> None:
    """Far more of these reach the checks behind the first one."""
    section = data.draw(st.sampled_from(SECTIONS))
    name = data.draw(st.sampled_from(sorted(WRITTEN[section])))
    body = WRITTEN[section][name] | {data.draw(NAMES): data.draw(JSON)}
    refused_or_planned(lambda before: roster_edits.put(before, section, name, body))


@pytest.mark.parametrize("person", sorted(BEFORE.roster.people))
def test_whoever_is_taken_out_leaves_a_roster_or_a_refusal(person: str) -> None:
    refused_or_planned(lambda before: roster_edits.without_person(before, person, START))
