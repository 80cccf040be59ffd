"""The roster file: read whole or refused with every problem named."""

import re
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from config.roster_file import Role, RosterFile, load_roster
from intake.read import FORMATS
from model.errors import SettingsError
from model.event import MessageType, Mode
from model.plan import ChannelName
from model.roster import AwakeHours, Counts, Heartbeat, PagerDutyMode, Policy, Wake
from model.rota import Absence, OverrideAction, Restriction, ShiftLength, ShiftUnit, Weekday
from model.route import Match
from model.trust import BY_KEY, Algorithm, Encoding, Proof, Trust
from routing.on_call import on_call

DOC = Path(__file__).parents[3] / "docs" / "roster.md"

SMALL = """\
people:
  ana:
    name: Ana Reyes
    timezone: America/Chicago
    phone: +13125550101
  ben:
    name: Ben Okafor
    timezone: Europe/London
    phone: +1 (312) 555-0102
    slack: U0BEN
teams:
  ops: {name: Operations}
rotations:
  primary:
    name: Primary
    team: ops
    timezone: America/Chicago
    layers:
      - name: weekly
        participants: [ana, [ben, ana]]
        shift: {unit: week}
        starts_at: 2026-01-05T09:00
overrides:
  - {rotation: primary, action: add, person: ben, from: 2026-03-08T02:30, to: 2026-03-09T00:00Z}
policies:
  default:
    steps:
      - {after_seconds: 0, rotations: [primary]}
routes:
  - {id: miso, match: {sources: [miso]}, team: ops, policy: default}
  - {id: rest, team: ops, policy: default}
sources:
  miso: {name: MISO}
keys:
  gateway: {role: upstream, source: miso, secret: 0123456789abcdefghij}
"""


def load(text: str) -> RosterFile:
    return load_roster(text, "r.yaml")


def problems(text: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(text)
    return str(refused.value).splitlines()


def changed(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new, 1)


# --- what is read ---------------------------------------------------------------------------------------------------


def test_a_small_file():
    found = load(SMALL)
    roster = found.roster
    ana, ben = roster.people["ana"], roster.people["ben"]
    assert [(m.channel, m.address) for m in ana.methods] == [
        (ChannelName.VOICE, "+13125550101"),
        (ChannelName.SMS, "+13125550101"),
    ]
    assert ben.address(ChannelName.VOICE) == "+13125550102"
    assert ben.address(ChannelName.SLACK_DM) == "U0BEN"
    assert ana.awake == AwakeHours()
    assert roster.version == 0
    assert roster.rotations["primary"].layers[0].participants == (("ana",), ("ben", "ana"))
    assert roster.policies["default"].sla_seconds == Policy(id="x", steps=()).sla_seconds
    assert roster.sources["miso"].heartbeat == Heartbeat()
    assert roster.routes[-1].match == Match()


def test_only_heartbeats_may_count():
    text = changed("{name: MISO}", "{name: MISO, heartbeat: {counts: heartbeats}}")
    assert load(text).roster.sources["miso"].heartbeat == Heartbeat(counts=Counts.HEARTBEATS)


def test_events_of_some_kinds_may_count():
    text = changed("{name: MISO}", "{name: MISO, heartbeat: {counts: [test, update, test]}}")
    minded = load(text).roster.sources["miso"].heartbeat
    assert minded == Heartbeat(counts=Counts.KINDS, kinds=(Mode.TEST, MessageType.UPDATE))


@pytest.mark.parametrize("counts", ["kinds", "[]", "[tests]", "[[test]]", "{test: true}"])
def test_other_kinds_are_none(counts):
    text = changed("{name: MISO}", f"{{name: MISO, heartbeat: {{counts: {counts}}}}}")
    with pytest.raises(SettingsError, match="counts"):
        load(text)


def test_a_word_expected_by_a_timetable():
    text = changed("{name: MISO}", '{name: MISO, heartbeat: {cron: "*/15  * * * *", timezone: America/Chicago}}')
    expected = Heartbeat(cron="*/15 * * * *", timezone="America/Chicago", grace_seconds=60)
    assert load(text).roster.sources["miso"].heartbeat == expected


def test_a_second_phone_is_called_only():
    text = changed("phone: +13125550101", "phone: +13125550101\n    other_phone: +1 312 555 0109")
    ana = load(text).roster.people["ana"]
    assert ana.addresses(ChannelName.VOICE) == ("+13125550101", "+13125550109")
    assert ana.addresses(ChannelName.SMS) == ("+13125550101",)


def test_override_times_are_wall_times_of_the_rotation_or_have_an_offset():
    """02:30 does not exist in Chicago on 8 March 2026: the override begins with the first instant after the gap."""
    [override] = load(SMALL).roster.overrides
    assert override.start == datetime(2026, 3, 8, 8, tzinfo=UTC)
    assert override.end == datetime(2026, 3, 9, tzinfo=UTC)
    offset = load(changed("2026-03-09T00:00Z", "2026-03-09T00:00-05:00")).roster.overrides[0]
    assert offset.end == datetime(2026, 3, 9, 5, tzinfo=UTC)


def test_what_overrides_called_their_times_at_first_still_reads():
    old = changed("from: 2026-03-08T02:30, to:", "start: 2026-03-08T02:30, end:")
    assert load(old).roster.overrides == load(SMALL).roster.overrides


def test_layers_with_everything():
    layer = """shift: {unit: month, count: 2}
        ends_at: 2026-12-31T00:00:00.5
        priority: -2
        restrictions:
          - {days: [sun, sat], from: 22:00, to: 06:00}
          - {from: 12:00, to: 13:00}"""
    found = load(changed("shift: {unit: week}", layer)).roster.rotations["primary"].layers[0]
    assert found.shift == ShiftLength(unit=ShiftUnit.MONTH, count=2)
    assert found.ends_at == datetime(2026, 12, 31, 0, 0, 0, 500_000)
    assert found.priority == -2
    assert found.restrictions == (
        Restriction(days=(Weekday.SAT, Weekday.SUN), start=time(22), end=time(6)),
        Restriction(days=tuple(Weekday), start=time(12), end=time(13)),
    )


def test_absences_are_wall_times_of_the_person_or_have_an_offset():
    absences = "absences:\n  - {person: ben, from: 2026-07-01T00:00, to: 2026-07-02T00:00Z}\n"
    roster = load(absences + SMALL).roster
    ben = Absence(person="ben", start=datetime(2026, 6, 30, 23, tzinfo=UTC), end=datetime(2026, 7, 2, tzinfo=UTC))
    assert roster.absences == roster.rotas["primary"].absences == (ben,)


def test_the_example_of_the_documentation():
    """It loads, and means what its comments say."""
    example = re.findall(r"```yaml\n(.*?)```", DOC.read_text(), re.DOTALL)
    assert len(example) == 2
    found = load_roster(example[0].replace("replace-me-", "by-somebody-"), "roster.md")
    roster = found.roster
    assert roster.admin_channel == "C024ADMIN"
    assert roster.people["ana"].awake == AwakeHours(start=time(6), end=time(21, 30))
    assert roster.people["ben"].address(ChannelName.SMS) == "+447700900102"
    assert roster.people["cho"].address(ChannelName.SMS) is None
    assert roster.teams["ops"].pagerduty.mode is PagerDutyMode.RECORD
    assert roster.rotations["ops-backup"].layers[0].shift.unit is ShiftUnit.DAY
    assert [o.action for o in roster.overrides] == [
        OverrideAction.REPLACE,
        OverrideAction.REPLACE,
        OverrideAction.ADD,
        OverrideAction.REMOVE,
    ]
    assert roster.overrides[1].replaces is None
    assert roster.policies["default"].steps[0].wake is Wake.AWAKE_FIRST
    assert roster.policies["default"].steps[1].wake is Wake.ANY
    assert [step.management for step in roster.policies["default"].steps] == [False, False, True, False]
    assert [r.id for r in roster.routes if r.drills_reach_management] == ["rehearsals"]
    assert not roster.policies["notices"].effective_at_counts
    assert roster.sources["alertmanager"].heartbeat is None
    assert roster.sources["miso"].critical
    assert roster.resource("MISO-EPNODE", "ACME.FOUNDRY1").contracted_mw == 12.5
    assert [k.role for k in found.keys] == [Role.UPSTREAM, Role.OPERATOR, Role.ADMIN]
    christmas = datetime(2026, 12, 25, 16, tzinfo=UTC)
    assert on_call(roster.rotas["ops-primary"], christmas) == ("cho",)  # instead of ana
    assert on_call(roster.rotas["ops-primary"], datetime(2026, 2, 4, 3, tzinfo=UTC)) == ("ben",)  # the layer of nights
    assert on_call(roster.rotas["ops-backup"], datetime(2026, 8, 4, 9, tzinfo=UTC)) == ()  # ana is absent


def test_the_documentation_names_every_field():
    """What the reader asks for is in the example."""
    text = DOC.read_text()
    folder = Path(__file__).parents[3] / "config"
    source = "".join((folder / f"{name}_reader.py").read_text() for name in ("roster", "rota", "source"))
    for name in re.findall(r'(?:optional|required)\("(\w+)"', source):
        assert f"{name}:" in text


def test_aliases_stand_for_what_they_name():
    text = changed("timezone: America/Chicago\n    phone", "timezone: &tz America/Chicago\n    phone")
    assert load(text.replace("Europe/London", "*tz")).roster.people["ben"].timezone == "America/Chicago"


def test_empty_sections_are_as_good_as_none():
    assert load(SMALL + "resources:\n").roster.resources == ()


def test_secrets_do_not_show():
    found = load(SMALL)
    assert found.keys[0].secret == "0123456789abcdefghij"
    assert not found.keys[0].demo
    assert "0123456789" not in repr(found)
    assert "5550101" not in repr(found)


@pytest.mark.parametrize("format", FORMATS)
def test_formats_are_those_of_intake(format):
    more = ", mapping: {event_id: id, headline: text}" if format == "mapping" else ""
    found = load(changed("{name: MISO}", f"{{name: MISO, format: {format}{more}}}")).roster
    assert found.sources["miso"].format == format


def mapped(mapping: str, format: str = "mapping") -> str:
    return changed("{name: MISO}", f"{{name: MISO, format: {format}, mapping: {mapping}}}")


def test_a_mapping_is_kept_as_it_is_written():
    found = load(mapped("{headline: \"a.b[0] || 'x'\", event_id: id}")).roster.sources["miso"].mapping
    assert found == {"event_id": "id", "headline": "a.b[0] || 'x'"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (mapped("{event_id: id}"), '"headline" is missing'),
        (mapped("{event_id: id, headline: text, headlines: x}"), 'unknown field; did you mean "headline"?'),
        (mapped("{event_id: id, headline: 'a.'}"), "miso.mapping.headline: expected a JMESPath expression (Expecting"),
        (mapped("{event_id: id, headline: 'map(&a, b)'}"), "there is no function map here"),
        (mapped("{event_id: id, headline: [a]}"), "expected a JMESPath expression, found a list"),
        (mapped("{event_id: id, headline: text}", "canonical"), "only a source of format mapping has one"),
        (changed("{name: MISO}", "{name: MISO, format: mapping}"), 'expected "mapping"'),
    ],
)
def test_a_mapping_that_cannot_be(text: str, problem: str):
    (found,) = problems(text)
    assert problem in found


def grouped(fields: str) -> str:
    return changed("{name: MISO}", f"{{name: MISO, {fields}}}")


def test_what_near_identical_events_have_in_common():
    found = load(grouped("group_by: [program, extra.labels.site], group_window_seconds: 120")).roster.sources["miso"]
    assert (found.group_by, found.group_window_seconds) == (("program", "extra.labels.site"), 120)
    assert found.merges
    assert not load(grouped("group_by: [program]")).roster.sources["miso"].merges
    assert not load(SMALL).roster.sources["miso"].merges


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("group_window_seconds: 120", 'needs "group_by"'),
        ("group_by: [colour], group_window_seconds: 120", "expected one of issuer, program"),
        ("group_by: [extra.], group_window_seconds: 120", "or extra.NAME"),
        ("group_by: [program, program], group_window_seconds: 120", "each only once"),
        ("group_by: [program], group_window_seconds: 3601", "3600"),
        ("group_by: [program], group_window_seconds: 120, issuer_ack: true", "an issuer that waits"),
    ],
)
def test_a_merging_that_cannot_be(fields: str, problem: str):
    assert problem in problems(grouped(fields))[0]


# --- what is refused ------------------------------------------------------------------------------------------------

REFUSED = [
    # what is written instead, and the one problem that is reported
    ("+13125550101", '"555"', '5: people.ana.phone: expected an E.164 number such as +13125550101, found "555"'),
    ("+13125550101", "+1312CALLNOW", "5: people.ana.phone: expected an E.164"),
    (
        "+13125550101",
        "+1312555010",
        'such as +13125550101, longer: this is too short for its country (+1), found "+1312',
    ),
    ("+13125550101", "+131255501012", "shorter: this is too long for its country (+1)"),
    ("+13125550101", "+4930", "with its area code: this one is called from next door only (+49)"),
    ("+13125550101", "+99912345678", "such as +13125550101, of a country that there is, found"),
    ("+13125550101", "+19005550101", '5: people.ana.phone: expected a number that is not premium-rate, found "+1900'),
    ("+13125550101", "", "5: people.ana.phone: expected an E.164 number such as +13125550101, found nothing"),
    ("+13125550101", "[1, 2]", "found a list"),
    ("    phone: +13125550101\n", "", '2: people.ana: expected "phone", "sms", "slack" or "webhook"'),
    (
        "    phone: +13125550101\n",
        "    sms: +13125550101\n    other_phone: +13125550109\n",
        '6: people.ana.other_phone: expected another number than "phone", which is called first',
    ),
    ("    phone: +13125550101\n", "    sms: maybe\n", "5: people.ana.sms: expected an E.164"),
    ("    phone: +13125550101\n", "    sms: false\n", '2: people.ana: expected "phone", "sms", "slack" or "webhook"'),
    ("+13125550101", "+49 00 30 123456", "such as +13125550101, without what is dialled before its area code, found"),
    ("phone: +13125550101", "phoen: +13125550101\n    slack: U0ANA", 'phoen: unknown field; did you mean "phone"?'),
    ("    name: Ana Reyes\n", "", '2: people.ana: "name" is missing'),
    ("Ana Reyes", "''", "3: people.ana.name: expected text"),
    (
        "America/Chicago",
        "America/Chicgo",
        "4: people.ana.timezone: expected a timezone such as America/Chicago; did you",
    ),
    ("America/Chicago", "../../etc/passwd", "4: people.ana.timezone: expected a timezone"),
    ("America/Chicago", "America", "4: people.ana.timezone: expected a timezone"),
    ("  ana:\n", "  Ana_R:\n", 'Ana_R: expected a name of a-z, 0-9 and -, at most 63 long, found "Ana_R"'),
    ("U0BEN", "ben", '10: people.ben.slack: expected a Slack user id such as U024BE7LH, found "ben"'),
    (
        "    slack: U0BEN",
        "    awake: {start: 7, end: 22:00}",
        "awake.start: expected a time from 00:00 to 23:59, found",
    ),
    (
        "    slack: U0BEN",
        "    slack: U0BEN\n    handoff_reminder: 4",
        "people.ben.handoff_reminder: expected off, or a whole number of minutes from 5 to 10080",
    ),
    ("    slack: U0BEN", "    slack: U0BEN\n    handoff_reminder: soon", "handoff_reminder: expected off, or a whole"),
    (
        "    slack: U0BEN",
        "    sms: false\n    handoff_reminder: 30",
        'people.ben.handoff_reminder: needs "sms" or "slack": nobody is called for a reminder',
    ),
    ("    slack: U0BEN", "    awake: {start: 07:00, end: 24:00}", "awake.end: expected a time from 00:00 to 23:59"),
    ("    slack: U0BEN", "    awake: {start: 07:00}", '10: people.ben.awake: "end" is missing'),
    (
        "{name: Operations}",
        "{name: Ops, slack_channel: '#ops'}",
        "expected a Slack channel id such as C024BE91L, found",
    ),
    ("{name: Operations}", "{name: Ops, pagerduty: {routing_key: abc}}", "expected an Events API v2 routing key"),
    ("{name: Operations}", "Operations", "12: teams.ops: expected fields with names"),
    (
        "team: ops\n    timezone",
        "team: opps\n    timezone",
        "16: rotations.primary.team: expected the name of one of teams",
    ),
    (
        "[ana, [ben, ana]]",
        "[ana, bne]",
        'participants[1]: expected the name of one of people, found "bne"; did you mean',
    ),
    ("[ana, [ben, ana]]", "[]", "20: rotations.primary.layers[0].participants: expected a list with at least one item"),
    ("[ana, [ben, ana]]", "[ana, []]", "participants[1]: expected a list with at least one item"),
    ("[ana, [ben, ana]]", "[ana, [ben, ben]]", "participants[1]: expected each only once"),
    ("{unit: week}", "{unit: year}", 'shift.unit: expected one of (hour, day, week, month), found "year"'),
    ("{unit: week}", "{unit: week, count: 0}", 'shift.count: expected a whole number from 1 to 1000, found "0"'),
    ("2026-01-05T09:00", "2026-01-05T09:00Z", "starts_at: expected a date and time such as 2026-01-05T09:00, found"),
    ("2026-01-05T09:00", "2026-02-30T09:00", "starts_at: expected a date and time that exist"),
    ("2026-01-05T09:00", "0001-01-05T09:00", "starts_at: expected a date and time such as"),
    ("{unit: week}", "{unit: week, count: 1001}", "shift.count: expected a whole number from 1 to 1000"),
    ("[ana, [ben, ana]]", f"[{'ana, ' * 10_000}]", "participants: expected at most 1000 items, found 10000"),
    ("[ana, [ben, ana]]", f"[[{'ana, ' * 51}]]", "participants[0]: expected at most 50 items, found 51"),
    ("{unit: week}", "{unit: week}\n        ends_at: 2026-01-05T09:00", 'expected "starts_at" before "ends_at"'),
    (
        "{unit: week}",
        "{unit: week}\n        restrictions: [{days: [mon], from: 9:00, to: 17:00}]",
        "restrictions[0].from: expected a time from 00:00 to 23:59",
    ),
    (
        "{unit: week}",
        "{unit: week}\n        restrictions: [{days: [monday], from: 09:00, to: 17:00}]",
        "restrictions[0].days[0]: expected one of (mon, tue, wed, thu, fri, sat, sun)",
    ),
    ("{unit: week}", "{unit: week}\n        priority: high", "layers[0].priority: expected a whole number"),
    (
        "America/Chicago",
        "US/Central",
        '4: people.ana.timezone: expected "America/Chicago", the name in use now, found "US/Central"',
    ),
    ("Europe/London", "right/Europe/London", "people.ben.timezone: expected a timezone such as"),
    (
        "overrides:",
        "absences: [{person: eve, from: 2026-01-01T00:00Z, to: 2026-01-02T00:00Z}]\noverrides:",
        "absences[0].person: expected the name of one of people",
    ),
    ("2026-03-08T02:30", "2026-03-10T02:30", '24: overrides[0]: expected "from" before "to"'),
    ("2026-03-08T02:30", "tomorrow", "overrides[0].from: expected a date and time such as"),
    (
        "rotation: primary,",
        "rotation: primry,",
        'overrides[0].rotation: expected the name of one of rotations, found "pri',
    ),
    ("person: ben, from", "person: eve, from", "overrides[0].person: expected the name of one of people"),
    ("person: ben, from", "person: ben, replaces: ana, from", '"replaces" belongs to action replace, not add'),
    ("action: add", "action: swap", "overrides[0].action: expected one of (add, replace, remove)"),
    ("rotations: [primary]}", "people: [eve]}", "steps[0].people[0]: expected the name of one of people"),
    ("rotations: [primary]}", "rotations: [primry]}", "steps[0].rotations[0]: expected the name of one of rotations"),
    (", rotations: [primary]}", "}", '28: policies.default.steps[0]: expected "rotations" or "people"'),
    (
        "after_seconds: 0",
        "after_seconds: -5",
        'after_seconds: expected a whole number of seconds from 0 to 86400, found "-5"',
    ),
    ("after_seconds: 0", "after_seconds: 1.5", "after_seconds: expected a whole number of seconds"),
    ("after_seconds: 0", "after_seconds: 600", "a step at 600 s comes after the deadline, sla_seconds is 600"),
    ("[primary]}", "[primary], channels: [pager]}", "channels[0]: expected a channel (voice, sms, slack_dm, webhook)"),
    ("[primary]}", "[primary], channels: [pagerduty]}", "channels[0]: expected a channel (voice, sms, slack_dm"),
    ("+13125550101", "+13125550101\n    webhook: scada.example", "webhook: expected an address such as https://"),
    ("+13125550101", "+13125550101\n    webhook: https://a@scada.example/", "webhook: expected an address such as"),
    ("[primary]}", "[primary], wake: always}", "wake: expected one of (any, awake, awake_first)"),
    (
        "    steps:\n",
        "    sla_seconds: 100\n    steps:\n",
        "26: policies.default: no call can ever finish in time: ring",
    ),
    (
        "      - {after_seconds: 0,",
        "      - {after_seconds: 500,",
        "no step calls in time: the first call is at after_seconds 500 + 120 for a call = 620, sla_seconds is 600",
    ),
    ("    steps:\n", "    redials: 3\n    steps:\n", "redials: expected a whole number of calls from 0 to 2"),
    ("    steps:\n", "    quorum: 0\n    steps:\n", "quorum: expected a whole number of people from 1 to 10000"),
    (
        "    steps:\n      - {after_seconds: 0,",
        "    objective: everyone\n    steps:\n      - {after_seconds: 500,",
        "step 1 calls too late: after_seconds 500 + 120 for a call = 620, sla_seconds is 600",
    ),
    (
        "      - {after_seconds: 0, rotations: [primary]}\n",
        "",
        "policies.default.steps: expected a list with at least one",
    ),
    (
        "0, rotations: [primary]}",
        "9, people: [ana]}\n      - {after_seconds: 5, people: [ben]}",
        "in order of after_seconds",
    ),
    (
        "  - {id: rest, team: ops, policy: default}\n",
        "",
        "30: routes[0]: expected a catch-all as the last of the routes",
    ),
    ("match: {sources: [miso]}, ", "", "30: routes[0]: matches everything, so the routes after it are never reached"),
    ("match: {sources: [miso]}, ", "match: {}, ", "30: routes[0]: matches everything"),
    (
        "match: {sources: [miso]}",
        "match: {sources: []}",
        "routes[0].match.sources: expected a list with at least one item",
    ),
    ("match: {sources: [miso]}", "match: {modes: [real]}", "modes[0]: expected one of (actual, drill, test)"),
    (
        "id: rest, team",
        "id: rest, continue: true, team",
        'routes[1]: the last of the routes decides: take out "continue"',
    ),
    ("id: rest, team: ops, policy: default", "id: rest, team: ops", 'routes[1]: "policy" is missing'),
    ("match: {sources: [miso]}, ", "continue: no, ", "30: routes[0]: matches everything"),
    ("match: {sources: [miso]}, ", "continue: perhaps, ", "routes[0].continue: expected true or false"),
    ("match: {sources: [miso]}", "match: {sources: [mis]}", "expected the name of one of sources, found"),
    ("match: {sources: [miso]}", "match: {resources: [MILL2]}", 'resources[0]: expected a resource as "scheme/code"'),
    ("id: rest", "id: miso", "31: routes[1]: its id is another route's too"),
    (
        "id: rest, team: ops, policy: default",
        "id: rest, team: ops, policy: slow",
        "expected the name of one of policies",
    ),
    ("{name: MISO}", "{name: MISO, format: xml}", "expected a format (canonical, "),
    ("{name: MISO}", "{name: MISO, critical: maybe}", "sources.miso.critical: expected true or false"),
    ("{name: MISO}", "{name: MISO, heartbeat: no}", 'heartbeat: expected "none", or period_seconds and grace_seconds'),
    (
        "{name: MISO}",
        '{name: MISO, heartbeat: {cron: "0 9 1 * 1"}}',
        'expected a cron expression, found "0 9 1 * 1": give a day of the month or a day of the week',
    ),
    (
        "{name: MISO}",
        '{name: MISO, heartbeat: {cron: "0 9 * * *", timezone: Chicago}}',
        "sources.miso.heartbeat.timezone: expected",
    ),
    (
        "{name: MISO}",
        '{name: MISO, heartbeat: {cron: "0 9 * * *", period_seconds: 5}}',
        "sources.miso.heartbeat.period_seconds: unknown field",
    ),
    (
        "{name: MISO}",
        "{name: MISO, heartbeat: {period_seconds: 0}}",
        "period_seconds: expected a whole number of seconds",
    ),
    ("source: miso, secret", "secret", "35: keys.gateway: a key of role upstream needs a source"),
    ("role: upstream", "role: admin", "35: keys.gateway: a key of role admin has no source"),
    ("0123456789abcdefghij", "short", "keys.gateway.secret: expected a secret of at least 20 characters, found 5"),
    (
        "0123456789abcdefghij",
        "Replace-me-4f1c2a9be07d",
        "keys.gateway.secret: expected a secret of your own, found an example's that everybody knows (replace-me…)",
    ),
    ("people:\n", "poeple: {}\npeople:\n", 'poeple: unknown field; did you mean "people"?'),
    ("teams:\n", "people: {}\nteams:\n", "11: people: given twice, first in line 1"),
    ("teams:\n", "admin_channel: '#admins'\nteams:\n", "11: admin_channel: expected a Slack channel id"),
    ("+1 (312) 555-0102", "+1 (312) 555-0101", "6: people.ben: its SMS number is another person's too"),
    ("+1 (312) 555-0102", "+1 (1) 312 555 0101", "6: people.ben: its SMS number is another person's too"),
    (
        "  ben:\n",
        "    pagerduty_user: Ana@acme.example\n  ben:\n    pagerduty_user: ana@ACME.example\n",
        "7: people.ben: its PagerDuty user is another person's too",
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), REFUSED)
def test_refused_with_line_and_place(old: str, new: str, problem: str):
    text = changed(old, new)
    found = problems(text)
    assert any(problem in line for line in found), found
    assert all(re.match(r"r\.yaml:\d+: ", line) for line in found)


def test_every_problem_is_named_at_once_in_the_order_of_the_file():
    text = SMALL.replace("America/Chicago", "Nowhere").replace("+13125550101", "555").replace("[primary]", "[x]")
    assert [line.split(": ")[1] for line in problems(text)] == [
        "people.ana.timezone",
        "people.ana.phone",
        "rotations.primary.timezone",
        "policies.default.steps[0].rotations[0]",
    ]


def test_twenty_problems_are_enough():
    found = problems(SMALL + "".join(f"x{i}: 1\n" for i in range(50)))
    assert len(found) == 21
    assert found[-1] == "… and 30 more"


@pytest.mark.parametrize("text", ["", "[]", "roster", "# nothing"])
def test_not_a_roster_at_all(text: str):
    assert problems(text)[0].startswith("r.yaml:1: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("people: [", "not YAML"),
        ("a: 1\n---\nb: 2", "not YAML"),
        ("a: \x00", "not YAML"),
        ("people: !!python/object/apply:os.system [ls]", "tags are not used here"),
        ("people: &a {x: *a}", "nested too deeply"),
        ("a: *missing", "not YAML"),
        ("? [x]\n: 1", "expected a name before the colon"),
        ("[" * 5000, "nested too deeply"),
        ("x" * 2_000_001, "at most 2000000 characters"),
        (
            "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n" for a, b in ("ab", "bc", "cd", "de", "ef", "fg")),
            "aliases count each time",
        ),
    ],
)
def test_hostile_yaml_is_refused(text: str, problem: str):
    assert problem in problems(text)[0]


def test_the_keys_of_the_documentation_are_nobodys():
    """Whoever copies the example whole is told, for each of its keys."""
    example = re.findall(r"```yaml\n(.*?)```", DOC.read_text(), re.DOTALL)[0]
    found = problems(example)
    assert [line.split(": ")[1] for line in found] == [f"keys.{id}.secret" for id in ("miso-gateway", "ana", "root")]
    assert all("expected a secret of your own" in line for line in found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("secret: 0123456789abcdefghij", "secret: hush hush"),
        ("secret: 0123456789abcdefghij", "secret: [hush]"),
        ("{role: upstream, source: miso, secret: 0123456789abcdefghij}", "hush"),
        ("secret: 0123456789abcdefghij}", "secret: hush"),
        ("secret: 0123456789abcdefghij", "secert: hush"),
        ("0123456789abcdefghij}", "hushhushhushhushhush}\n  other: {role: admin, secret: hushhushhushhushhush}"),
    ],
)
def test_a_problem_never_quotes_a_secret(old: str, new: str):
    assert "hush" not in "".join(problems(changed(old, new)))


# --- by what a source is trusted ------------------------------------------------------------------------------------


def trusted(trust: str) -> str:
    return changed("  miso: {name: MISO}", f"  miso: {{name: MISO, trust: {trust}}}")


def test_by_what_a_source_is_trusted():
    made = "header: X-Sig, algorithm: sha1, encoding: base64, prefix: none"
    full = f"{{by: hmac, secrets: [a, b], {made}, addresses: [192.0.2.7]}}"
    assert load(trusted(full)).roster.sources["miso"].trust == Trust(
        by=Proof.HMAC,
        secrets=("a", "b"),
        header="x-sig",
        algorithm=Algorithm.SHA1,
        encoding=Encoding.BASE64,
        prefix="",
        addresses=("192.0.2.7/32",),
    )
    assert load(SMALL).roster.sources["miso"].trust == BY_KEY


def test_the_documentation_s_example_of_trust():
    _, example = re.findall(r"```yaml\n(.*?)```", DOC.read_text(), re.DOTALL)
    trust = load(changed("  miso: {name: MISO}", f"  miso:\n    name: MISO\n{example}")).roster.sources["miso"].trust
    assert trust == Trust(by=Proof.HMAC, secrets=("scada",), addresses=("192.0.2.0/24", "2001:db8::7/128"))


@pytest.mark.parametrize(
    ("trust", "problem"),
    [
        ("{by: hmac}", 'hmac needs "secrets"'),
        ("{secrets: [a]}", "signs nothing"),
        ("{by: standard-webhooks, secrets: [a, b, c]}", "at most 2 items"),
        ("{by: standard-webhooks, secrets: [a, a]}", "each only once"),
        ("{by: standard-webhooks, secrets: [a], prefix: v0=}", "only a plain hmac has it"),
        ("{by: magic}", "one of (key, standard-webhooks, hmac)"),
        ("{by: hmac, secrets: [a], algorithm: md5}", "one of (sha1, sha256, sha384, sha512)"),
        ("{by: hmac, secrets: [a], header: 'X Sig'}", "the name of a header"),
        ("{addresses: [192.0.2.7/24]}", "whose last bits are 0"),
        ("{addresses: [grid.example]}", "a network such as"),
    ],
)
def test_a_trust_that_cannot_be(trust: str, problem: str):
    (found,) = problems(trusted(trust))
    assert "sources.miso.trust" in found
    assert problem in found
