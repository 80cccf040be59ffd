"""Which events a silence holds, and which never."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.event import Mode, Phase, ResourceRef, Severity
from model.silence import Noise, Silence
from routing import silencing
from tests.unit.routing.house import NOW, event, revision

HOUR = timedelta(hours=1)


def silence(noise: Noise, id_: str = "s", hours: int = 1) -> Silence:
    return Silence(id=id_, noise=noise, since=NOW, until=NOW + hours * HOUR, reason="noise", author="key ana")


def told(severity: Severity = Severity.WARNING, source: str = "miso", event_id: str = "E-1", **more):
    found = event(revision(severity=severity, **more))
    return replace(found, source=source, event_id=event_id, severity=severity)


@pytest.mark.parametrize(
    ("noise", "holds"),
    [
        (Noise(sources=("miso",)), True),
        (Noise(sources=("pjm",)), False),
        (Noise(sources=("miso",), severities=(Severity.NOTICE,)), False),
        (Noise(severities=(Severity.WARNING,)), True),
        (Noise(modes=(Mode.DRILL,)), False),
        (Noise(phases=(Phase.TERMINATION,)), False),
        (Noise(programs=("EDR",)), True),
        (Noise(programs=("LMR",)), False),
        (Noise(resources=("MISO-EPNODE/A", "MISO-EPNODE/B")), True),
        (Noise(resources=("MISO-EPNODE/A",)), False),
    ],
)
def test_every_field_that_is_given_must_fit(noise, holds):
    named = (ResourceRef(scheme="MISO-EPNODE", code="A"), ResourceRef(scheme="MISO-EPNODE", code="B"))
    one = told(resources=named, program="EDR")
    assert (silencing.holding(one, [silence(noise)], NOW) is not None) is holds


def test_an_event_without_resources_is_no_noise_of_a_resource():
    assert silencing.holding(told(resources=()), [silence(Noise(resources=("MISO-EPNODE/A",)))], NOW) is None


@pytest.mark.parametrize("noise", [Noise(sources=("miso",)), Noise(severities=tuple(Severity))])
def test_a_critical_event_is_held_by_none(noise):
    assert silencing.holding(told(Severity.CRITICAL), [silence(noise)], NOW) is None


def test_what_gridcall_says_must_be_named_and_what_it_says_of_silences_is_never_held():
    late = told(Severity.NOTICE, "gridcall", "late/miso/2026-07-14T02:14:05Z")
    assert silencing.holding(late, [silence(Noise(severities=(Severity.NOTICE,)))], NOW) is None
    named = silence(Noise(sources=("gridcall",)))
    assert silencing.holding(late, [named], NOW) is named
    assert silencing.holding(replace(late, event_id="quiet/1"), [named], NOW) is None


@pytest.mark.parametrize(("seconds", "holds"), [(-1, False), (0, True), (3599, True), (3600, False)])
def test_it_holds_while_it_lasts(seconds, holds):
    at = NOW + timedelta(seconds=seconds)
    assert (silencing.holding(told(), [silence(Noise(sources=("miso",)))], at) is not None) is holds


def test_of_several_that_which_lasts_longest_is_named():
    short, long = (silence(Noise(sources=("miso",)), id_, hours) for id_, hours in (("b", 1), ("a", 2)))
    found = silencing.holding(told(), [short, long], NOW)
    assert found is long
    assert silencing.why(long).endswith("UTC: noise")
