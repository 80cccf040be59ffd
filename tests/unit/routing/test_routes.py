"""Which route, and by when: the table of design section 5."""

from datetime import UTC, datetime, timedelta

import pytest

from model.event import Action, Content, Instruction, MessageType, Mode, Phase, ResourceRef, Severity, Zone
from model.roster import Policy, Resource, Roster, Step
from model.route import Match, Route
from routing.routes import deadline

RECEIVED = datetime(2026, 7, 1, 12, tzinfo=UTC)


def route(name: str, **fields: object) -> Route:
    return Route(id=name, team="ops", policy="default", match=Match(**fields))


ROSTER = Roster(
    routes=(
        route("fast", sources=("miso-fast",)),
        route("drills", modes=(Mode.DRILL, Mode.TEST)),
        route("quiet", programs=("EDR",), severities=(Severity.INFO, Severity.NOTICE)),
        route("edr", programs=("EDR", "LMR"), phases=(Phase.EVENT,)),
        route("everything"),
    )
)


@pytest.mark.parametrize(
    ("source", "fields", "expected"),
    [
        ("miso-fast", {"mode": Mode.DRILL}, "fast"),
        ("miso", {"mode": Mode.TEST}, "drills"),
        ("miso", {"program": "EDR", "severity": Severity.INFO}, "quiet"),
        ("miso", {"program": "EDR", "severity": Severity.CRITICAL}, "edr"),
        ("miso", {"program": "LMR"}, "edr"),
        ("miso", {"program": "LMR", "phase": Phase.ALERT}, "everything"),
        ("alertmanager", {}, "everything"),
    ],
)
def test_first_route_that_fits(source: str, fields: dict, expected: str):
    assert ROSTER.routed(source, Content(headline="h", **fields)).route.id == expected


def test_the_last_route_takes_what_none_fits():
    """A roster file always ends with a catch-all; should one not, its last route decides all the same."""
    roster = Roster(routes=(route("fast", sources=("miso-fast",)),))
    assert roster.routed("other", Content(headline="h")).route.id == "fast"


PLACES = Roster(
    routes=(
        route("mill", resources=("MISO-EPNODE/ACME.MILL2", "MISO-EPNODE/ACME.MILL3")),
        route("south", zones=("MISO-LRZ/9", "LRZ 9"), programs=("EDR",)),
        route("north", zones=("MISO-LRZ/4", "LRZ 4")),
        route("everything"),
    ),
    resources=(
        Resource(scheme="MISO-EPNODE", code="ACME.FOUNDRY1", name="Foundry 1", zone="LRZ 4"),
        Resource(scheme="MISO-EPNODE", code="ACME.MILL2", name="Mill 2", zone="LRZ 9"),
        Resource(scheme="MISO-EPNODE", code="ACME.SHED", name="Shed"),
    ),
)


@pytest.mark.parametrize(
    ("resources", "zones", "expected"),
    [
        (["ACME.MILL2"], [], "mill"),
        (["ACME.FOUNDRY1", "ACME.MILL2"], [], "mill"),  # one of them is enough
        (["ACME.MILL3"], [], "mill"),  # not in the roster's resources
        (["ACME.FOUNDRY1"], [], "north"),  # by its zone in the roster
        (["ACME.SHED"], ["4"], "north"),
        (["ACME.FOUNDRY1"], ["9"], "south"),
        ([], ["4", "9"], "south"),
        ([], ["5"], "everything"),
        (["ACME.SHED"], [], "everything"),  # no zone is none
        ([], [], "everything"),
    ],
)
def test_by_zone_and_resource(resources: list[str], zones: list[str], expected: str):
    content = Content(
        headline="h",
        program="EDR",
        resources=tuple(ResourceRef(scheme="MISO-EPNODE", code=code) for code in resources),
        zones=tuple(Zone(scheme="MISO-LRZ", code=code) for code in zones),
    )
    assert PLACES.routed("miso", content).route.id == expected


ASKS = Action.REDUCE_LOAD
# Minutes from receipt; None: not given. `at`: the deadline, `until`: work_until; the SLA is 10 minutes.
TABLE = [
    pytest.param({}, 10, 10, id="nothing given: the SLA"),
    pytest.param({"ack": 4}, 4, 4, id="ack due sooner"),
    pytest.param({"ack": 30}, 10, 10, id="ack due later than the SLA"),
    pytest.param({"effective": 6}, 6, 6, id="starts sooner"),
    pytest.param({"effective": 30}, 10, 10, id="starts later than the SLA"),
    pytest.param({"effective": 6, "ack": 4}, 4, 4, id="the soonest of three"),
    pytest.param({"effective": 4, "ack": 6}, 4, 4, id="the soonest of three, the start"),
    pytest.param({"effective": 6, "moved": False}, 10, 10, id="an update that leaves the start alone"),
    pytest.param({"effective": 6, "type": MessageType.UPDATE}, 6, 6, id="an update that moves the start"),
    pytest.param({"effective": 6, "type": MessageType.CANCEL}, 10, 10, id="a cancel"),
    pytest.param({"effective": 6, "type": MessageType.TERMINATE}, 10, 10, id="a terminate"),
    pytest.param({"effective": 6, "action": None}, 6, 6, id="action not said: counts as asking"),
    pytest.param({"effective": 6, "action": Action.HOLD}, 6, 6, id="hold"),
    pytest.param({"effective": 6, "action": Action.INCREASE_GEN}, 6, 6, id="increase"),
    pytest.param({"effective": 6, "action": Action.RELEASE}, 10, 10, id="release"),
    pytest.param({"effective": 6, "action": Action.NONE}, 10, 10, id="none"),
    pytest.param({"effective": 6, "action": Action.INFORMATIONAL}, 10, 10, id="informational"),
    pytest.param({"ack": 6, "action": Action.RELEASE}, 6, 6, id="ack due counts whatever the action"),
    pytest.param({"ack": 6, "moved": False}, 6, 6, id="ack due counts for every update"),
    pytest.param({"effective": 6, "issued": 6}, 10, 10, id="starts when issued: says nothing of haste"),
    pytest.param({"effective": 6, "issued": 7}, 10, 10, id="started before it was issued"),
    pytest.param({"effective": 0}, 10, 10, id="no issue time: starts at receipt"),
    pytest.param({"effective": -1}, 10, 10, id="no issue time: started before receipt"),
    pytest.param({"effective": 6, "counts": False}, 10, 10, id="a policy that ignores the start"),
    pytest.param({"effective": 6, "ack": 4, "counts": False}, 4, 4, id="never ignores ack due"),
    pytest.param({"ack": 0}, 0, 10, id="ack due at receipt: late"),
    pytest.param({"ack": -5}, -5, 10, id="ack due passed: late"),
    pytest.param({"ack": -5, "due": False, "moved": False}, 10, 10, id="an update repeats what has passed: nothing"),
    pytest.param({"ack": 5, "due": False, "moved": False}, 5, 5, id="an update repeats what is to come"),
    pytest.param({"effective": -1, "issued": -3}, -1, 10, id="started on the way to us: late"),
    pytest.param({"effective": 0, "issued": -3}, 0, 10, id="starts at receipt: late"),
    pytest.param({"effective": -2, "issued": -3, "ack": -1}, -2, 10, id="both passed: the sooner"),
]


@pytest.mark.parametrize(("given", "at", "until"), TABLE)
def test_deadline(given: dict, at: int, until: int):
    def time(key: str) -> datetime | None:
        return RECEIVED + timedelta(minutes=given[key]) if key in given else None

    content = Content(
        headline="h",
        message_type=given.get("type", MessageType.NEW),
        issued_at=time("issued"),
        effective_at=time("effective"),
        ack_due_at=time("ack"),
        instruction=Instruction(action=given.get("action", ASKS)),
    )
    policy = Policy(id="p", steps=(Step(after_seconds=0),), effective_at_counts=given.get("counts", True))
    moved, due = given.get("moved", True), given.get("due", True)
    found = deadline(policy, content, RECEIVED, new_or_moved_start=moved, new_or_moved_due=due)
    assert found == (RECEIVED + timedelta(minutes=at), RECEIVED + timedelta(minutes=until))


def test_deadline_follows_the_policys_sla():
    policy = Policy(id="p", steps=(Step(after_seconds=0),), sla_seconds=60)
    found = deadline(policy, Content(headline="h"), RECEIVED, new_or_moved_start=True, new_or_moved_due=True)
    assert found.deadline_at == found.work_until == RECEIVED + timedelta(seconds=60)
