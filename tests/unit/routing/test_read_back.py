"""What is to be keyed in, and what passes for it."""

from dataclasses import replace

import pytest

from model.event import Action, Instruction, ResourceRef
from model.roster import ReadBack
from routing.read_back import Asked, asked, right
from tests.unit.routing.house import content

MW = Instruction(target_mw=12.5)
SITES = (ResourceRef(scheme="S", code="a", target_mw=5.0), ResourceRef(scheme="S", code="b", target_mw=3.5))


@pytest.mark.parametrize(
    ("wish", "instruction", "reference", "digits"),
    [
        (ReadBack.OFF, MW, "0007", None),
        (ReadBack.MEGAWATTS, MW, "0007", "12*5"),
        (ReadBack.MEGAWATTS, Instruction(target_mw=40.0), "0007", "40"),
        (ReadBack.REFERENCE, MW, "0007", "007"),
        (ReadBack.REFERENCE, MW, "WHGD", "12*5"),
        (ReadBack.MEGAWATTS, Instruction(), "0007", "007"),
        (ReadBack.MEGAWATTS, Instruction(target_mw=0.0), "AB", None),
        (ReadBack.REFERENCE, Instruction(), "٠٠٧", None),
    ],
)
def test_what_is_asked(wish, instruction, reference, digits):
    found = asked(wish, replace(content(), instruction=instruction), reference)
    assert (found.digits if found else None) == digits


def test_megawatts_that_only_the_sites_have_are_repeated_as_their_sum():
    order = replace(content(), instruction=Instruction(action=Action.REDUCE_LOAD), resources=SITES)
    assert asked(ReadBack.MEGAWATTS, order, "0007") == Asked(ReadBack.MEGAWATTS, "8*5")


@pytest.mark.parametrize("keyed", ["12*5", "12*5#", "125", "12*50", "012*5"])
def test_what_is_right(keyed):
    assert right(Asked(ReadBack.MEGAWATTS, "12*5"), keyed)


@pytest.mark.parametrize("keyed", ["", "1", "12", "1*25", "12*", "*", "12*5*", "52*1", "1250", "12*#5", "9" * 16])
def test_what_is_wrong(keyed):
    assert not right(Asked(ReadBack.MEGAWATTS, "12*5"), keyed)


def test_a_reference_is_its_digits():
    assert right(Asked(ReadBack.REFERENCE, "007"), "007#")
    assert not right(Asked(ReadBack.REFERENCE, "007"), "7")
