"""A roster that is written down reads back as the same roster."""

import json
from dataclasses import replace
from datetime import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.resource_table import MAX_ROWS
from config import yaml_tree
from config.roster_file import load_roster, read_document
from config.roster_reader import MAX_VERSION
from config.roster_writer import _extent, document, exported, to_yaml
from intake.mapping import FIELDS
from intake.read import FORMATS
from model.errors import SettingsError
from model.event import MessageType, Mode, Phase, Severity, Zone
from model.hole import CountedBy, Numbered
from model.plan import ChannelName
from model.reading import Named, Names
from model.roster import (
    AwakeHours,
    ContactMethod,
    Counts,
    Heartbeat,
    Level,
    PagerDutyMode,
    PagerDutyService,
    Person,
    Policy,
    Resource,
    Roster,
    Source,
    Step,
    Team,
    Wake,
)
from model.route import Match, Route
from model.trust import BY_KEY, NO_RATE, USUAL_RATE, Algorithm, Encoding, Proof, Rate, Trust
from model.upstream import Callback, History
from tests.unit.config.test_roster_file import DOC, SMALL
from tests.unit.routing.rota_worlds import PEOPLE, world

ROOT = Path(__file__).parents[3]
patient = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
ZONES = st.sampled_from(["America/Chicago", "Asia/Kathmandu", "UTC", "Australia/Lord_Howe"])
PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
TEXT = st.text(PRINTABLE, min_size=1, max_size=200) | st.sampled_from(["no", "~", "null", "1", "a: b", "#"])
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
SECONDS = st.integers(0, 86_400)


def read(text: str) -> Roster:
    return load_roster(text, "written.yaml").roster


GOES_ON = Route(id="too", team="t", policy="", continues=True)
HISTORIES = [None, *(History(url="https://a.example/", participant="A B", every_seconds=n) for n in (60, 300))]


def numbers(format: str) -> list[Numbered | None]:
    if format not in ("canonical", "cloudevents"):
        return [None]
    ways = (CountedBy.FIELD, CountedBy.CLOUDEVENTS)
    return [None, *(Numbered(by=by, wait_seconds=wait) for by in ways for wait in (0, 30))]


@st.composite
def people(draw: st.DrawFn, name: str, number: int) -> Person:
    phone = f"+1312555{number:04}" if draw(st.booleans()) else None
    sms = draw(st.sampled_from([phone, f"+1312556{number:04}", None]))
    slack = f"U0{name.upper()}" if draw(st.booleans()) or not (phone or sms) else None
    addresses = {ChannelName.VOICE: phone, ChannelName.SMS: sms, ChannelName.SLACK_DM: slack}
    return Person(
        id=name,
        name=draw(TEXT),
        timezone=draw(ZONES),
        methods=tuple(ContactMethod(channel=c, address=a) for c, a in addresses.items() if a),
        awake=AwakeHours(start=draw(TIMES), end=draw(TIMES)),
        language=draw(st.sampled_from(["en", "es-MX"])),
        pagerduty_user=draw(st.sampled_from([None, f"P{number}", f"{name}@example.com"])),
        handoff_reminder=draw(st.none() | st.integers(5, 10_080)) if sms or slack else None,
    )


@st.composite
def policies(draw: st.DrawFn, name: str) -> Policy:
    step = Step(
        after_seconds=draw(st.integers(0, 400)),  # later than that no call could end in time
        rotations=draw(st.sampled_from([("r",), ()])),
        people=("ana",),
        wake=draw(st.sampled_from(Wake)),
        channels=draw(st.sampled_from([(ChannelName.VOICE, ChannelName.SMS), (ChannelName.SLACK_DM,)])),
        management=draw(st.booleans()),
    )
    return Policy(
        id=name,
        steps=(step,),
        sla_seconds=draw(st.sampled_from([600, 3600])),
        dial_margin_seconds=draw(st.sampled_from([5, 0])),
        level=draw(st.sampled_from(Level)),
        redials=draw(st.integers(0, 2)),
        redial_within_seconds=draw(st.integers(30, 600)),
        learn_call_seconds=draw(st.booleans()),
        page_again_seconds=draw(st.sampled_from([0, 300])),
        effective_at_counts=draw(st.booleans()),
    )


EXPRESSIONS = st.sampled_from(["id", "a.b[0]", "join(' - ', [a, to_string(b)])", "kind == 'X' && 'new' || `null`"])
MAPPINGS = st.dictionaries(st.sampled_from(FIELDS), EXPRESSIONS).map({"event_id": "id", "headline": "text"}.__or__)
ADDRESSES = st.sampled_from([(), ("192.0.2.0/24", "2001:db8::/32"), ("198.51.100.7/32",)])
SECRETS = st.sampled_from([("a",), ("a", "b-2")])
SIGNED = st.builds(Trust, by=st.just(Proof.STANDARD_WEBHOOKS), secrets=SECRETS, addresses=ADDRESSES)
HMAC = st.builds(
    Trust,
    by=st.just(Proof.HMAC),
    secrets=SECRETS,
    header=st.sampled_from([BY_KEY.header, "x-signature"]),
    algorithm=st.sampled_from(Algorithm),
    encoding=st.sampled_from(Encoding),
    prefix=st.sampled_from(["", BY_KEY.prefix, "v0="]),
    addresses=ADDRESSES,
)


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    rota, _ = world(Random(draw(st.integers(0, 10**6))))
    service = PagerDutyService(routing_key="a" * 32, mode=draw(st.sampled_from(PagerDutyMode)))
    match = Match(
        sources=("miso",),
        programs=(draw(TEXT),),
        phases=(Phase.ALERT,),
        severities=tuple(Severity),
        zones=draw(st.just(()) | st.tuples(TEXT)),
        resources=draw(st.sampled_from(((), ("MISO-EPNODE/ACME.MILL2", "a/b/c")))),
    )
    named = st.builds(Named, issuer=TEXT | st.just(""), program=TEXT, mode=st.sampled_from(Mode))
    seconds = {"period_seconds": st.integers(1, 86_400), "grace_seconds": SECONDS}
    by_word = st.builds(Heartbeat, counts=st.sampled_from([Counts.ANY, Counts.HEARTBEATS]), **seconds)
    kinds = st.sampled_from([(MessageType.UPDATE,), (Mode.TEST, MessageType.NEW)])
    by_period = by_word | st.builds(Heartbeat, counts=st.just(Counts.KINDS), kinds=kinds, **seconds)
    by_cron = st.builds(
        Heartbeat,
        cron=st.sampled_from(("*/15 * * * *", "0 9 * * 1-5")),
        timezone=ZONES,
        grace_seconds=st.integers(1, 600),
    )
    heartbeat = by_period | by_cron
    return Roster(
        people={name: draw(people(name, n)) for n, name in enumerate(PEOPLE)},
        teams={"t": Team(id="t", name=draw(TEXT), slack_channel="C0T", pagerduty=draw(st.none() | st.just(service)))},
        rotations={"r": rota.rotation},
        overrides=tuple(o for o in rota.overrides if o.person),
        absences=rota.absences,
        policies={name: draw(policies(name)) for name in ("default", "notices")},
        routes=(
            Route(id="some", team="t", policy="notices", match=replace(match, modes=(draw(st.sampled_from(Mode)),))),
            *draw(st.sampled_from(((), (GOES_ON,), (replace(GOES_ON, policy="notices"),)))),
            Route(id="rest", team="t", policy="default", drills_reach_management=draw(st.booleans())),
        ),
        resources=(
            Resource(
                scheme=draw(TEXT),
                code="F1",
                name=draw(TEXT),
                zone=draw(TEXT | st.just("")),
                timezone=draw(ZONES),
                contracted_mw=draw(st.none() | st.integers(0, 10**9).map(lambda n: n / 10**6)),
                team=draw(st.sampled_from([None, "t"])),
            ),
        ),
        sources={
            "miso": Source(
                id="miso",
                name=draw(TEXT),
                format=(format := draw(st.sampled_from(list(FORMATS)))),
                mapping=draw(MAPPINGS) if format == "mapping" else {},
                timezone=draw(ZONES),
                critical=draw(st.booleans()),
                heartbeat=draw(st.none() | heartbeat),
                also_confirm=draw(TEXT | st.just("")),
                issuer_ack=(needs_answers := draw(st.booleans())),
                group_by=(common := draw(st.sampled_from([(), ("program", "zone"), ("extra.labels.site",)]))),
                group_window_seconds=draw(st.sampled_from([0, 1, 3600])) if common and not needs_answers else 0,
                numbered=draw(st.sampled_from(numbers(format))),
                history=draw(st.sampled_from(HISTORIES)) if format == "miso-mui" else None,
                callback=draw(st.sampled_from([None, Callback(url="https://a.example/x?y=z", secret="s")])),
                names=Names(
                    senders=draw(st.dictionaries(TEXT, named, max_size=2)),
                    programs=draw(st.dictionaries(TEXT, named, max_size=2)),
                    targets=draw(st.dictionaries(TEXT, st.builds(Zone, scheme=TEXT, code=TEXT), max_size=2)),
                ),
                trust=draw(st.just(BY_KEY) | SIGNED | HMAC),
                rate=draw(st.sampled_from([None, NO_RATE, USUAL_RATE, Rate(per_second=1, burst=100_000)])),
            )
        },
        admin_channel=draw(st.sampled_from([None, "C0ADMIN"])),
    )


@patient
@given(rosters())
def test_every_roster_reads_back_equal(roster: Roster) -> None:
    assert read(to_yaml(roster)) == roster


TYPED = ["+447700900102", "+44 (0)7700 900102", "+1 312 555-0103", "+1 (1) 312 555 0103", "+49 00 30 123456"]
AS_TYPED = st.fixed_dictionaries(
    {"name": TEXT, "timezone": ZONES},
    optional={
        "phone": st.sampled_from(TYPED),
        "other_phone": st.sampled_from(TYPED),
        "sms": st.sampled_from([*TYPED, False, "no"]),
        "slack": st.sampled_from(["U0LOU", "U0MOE"]),
        "webhook": st.just("https://scada.example/alerts"),
        "pagerduty_user": st.sampled_from(["PANA123", "pana123", "Straße@acme.example", "STRASSE@acme.example"]),
        "handoff_reminder": st.sampled_from(["off", "30"]),
    },
)


@settings(patient, max_examples=300)
@given(st.lists(AS_TYPED, min_size=1, max_size=2))
def test_whoever_is_taken_is_taken_again_as_written(typed: list[dict[str, Any]]) -> None:
    """Every edit reads the whole roster again: one person who was taken and is refused then would block them all."""
    entries = dict(zip(("lou", "moe"), typed, strict=False))
    small = document(read(SMALL))
    try:
        roster = read_document(small | {"people": small["people"] | entries})
    except SettingsError:
        return
    assert read_document(document(roster)) == roster


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "config" / "demo_roster.yaml").read_text(),
        DOC.read_text().split("```yaml\n")[1].split("```")[0].replace("replace-me-", "by-somebody-"),
        SMALL,
    ],
    ids=["demo", "documentation", "small"],
)
def test_the_files_of_this_project_read_back_equal(text: str) -> None:
    assert read(to_yaml(read(text))) == read(text)


def test_what_goes_without_saying_is_left_out() -> None:
    """An export is to be read by people: nothing but what somebody decided."""
    found = document(read(SMALL))
    assert found["people"]["ana"] == {"name": "Ana Reyes", "timezone": "America/Chicago", "phone": "+13125550101"}
    assert found["policies"] == {"default": {"steps": [{"after_seconds": 0, "rotations": ["primary"]}]}}
    assert found["sources"] == {"miso": {"name": "MISO"}}
    assert "absences" not in found


def test_instants_are_written_by_the_clock_they_are_meant_by() -> None:
    [override] = document(read(SMALL))["overrides"]
    assert (override["from"], override["to"]) == ("2026-03-08T03:00-05:00", "2026-03-08T19:00-05:00")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize(
    ("start", "end", "accepted"),
    [
        ("1900-01-02T00:00Z", "2199-12-30T23:59:59.999999Z", True),
        ("1900-01-01T23:59+23:59", "2026-01-01T00:00", False),
        ("2026-01-01T00:00", "2199-12-30T23:59-23:59", False),
        ("1900-01-01T00:00", "2199-12-31T23:59", False),
    ],
)
def test_what_is_read_can_be_written_by_every_clock(zone: str, start: str, end: str, accepted: bool) -> None:
    person = {"name": "Ana", "timezone": zone, "slack": "U0ANA"}
    data = document(read(SMALL))
    data |= {"people": data["people"] | {"zoe": person}, "absences": [{"person": "zoe", "from": start, "to": end}]}
    if not accepted:
        with pytest.raises(SettingsError, match="expected a date from 1900-01-02 until before 2199-12-31"):
            read_document(data)
        return
    roster = read_document(data)
    assert read_document(document(roster)) == read(to_yaml(roster)) == roster


@pytest.mark.parametrize("limit", ["MAX_CHARS", "MAX_NODES"])
def test_what_is_taken_as_data_is_taken_as_a_file(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """One limit for both ways, or an export could not be applied."""
    roster = read(SMALL)
    data, text = document(roster), exported(replace(roster, version=MAX_VERSION))
    size = {"MAX_CHARS": len(text), "MAX_NODES": 1 + values(data)}[limit]  # the version is one more
    monkeypatch.setattr(yaml_tree, limit, size)
    assert read_document(data) == read(text) == roster
    monkeypatch.setattr(yaml_tree, limit, size - 1)
    for attempt in (lambda: read_document(data), lambda: read(text)):
        with pytest.raises(SettingsError):
            attempt()


def values(data: Any) -> int:
    below = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return 1 + sum(values(item) for item in below)


@patient
@given(rosters())
def test_no_file_is_longer_than_was_reckoned(roster: Roster) -> None:
    assert len(to_yaml(roster)) <= _extent(document(roster))[1]


def test_a_whole_table_of_resources_fits_into_a_file() -> None:
    line = {"scheme": "MISO-EPNODE", "code": "ACME.FOUNDRY.10000", "name": "Foundry number 10000", "zone": "LRZ 4"}
    line |= {"timezone": "America/Chicago", "contracted_mw": "12.5", "team": "ops"}
    lines = [line | {"code": f"ACME.FOUNDRY.{n:05}"} for n in range(100)]
    data = document(read(SMALL)) | {"resources": lines}
    assert len(to_yaml(read_document(data))) * MAX_ROWS / 100 < yaml_tree.MAX_CHARS


def test_an_export_says_of_which_version_it_is() -> None:
    roster = replace(read(SMALL), version=7)
    file = load_roster(exported(roster), "exported.yaml")
    assert (file.from_version, file.roster) == (7, replace(roster, version=0))
    assert load_roster(to_yaml(roster), "plain.yaml").from_version is None
    with pytest.raises(SettingsError, match='from_version: expected a whole number from 1 to 999999999, found "new"'):
        load_roster(f"from_version: new\n{to_yaml(roster)}", "wrong.yaml")


def test_keys_are_not_written() -> None:
    assert "keys" not in yaml.safe_load(to_yaml(read(SMALL)))


@patient
@given(rosters())
def test_the_data_itself_reads_as_the_file_does(roster: Roster) -> None:
    """As it comes by the API: numbers and truths of JSON, null for what is left out."""
    sent = json.loads(json.dumps(document(roster)))
    sent["people"]["ana"]["language"] = sent["people"]["ana"].get("language")
    assert read_document(sent) == roster


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"people": {"ana": {"name": "Ana", "timezone": "US/Central", "phone": "555"}}}, "people.ana.phone"),
        ({"people": {"ana": {"name": "half \ud800", "timezone": "UTC", "slack": "U0ANA"}}}, "people.ana.name"),
        ({"people": {"\udfff": 1}}, "people"),
        ({"people": [[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]}, "nested too deeply"),
        ({"peeple": {}}, 'peeple: unknown field; did you mean "people"?'),
    ],
)
def test_what_is_wrong_with_data_is_named_by_its_path(data: Any, problem: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_document(data)
    assert problem in str(refused.value)
