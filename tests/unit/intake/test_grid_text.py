"""What is read in operators' free text, and above all what is not."""

from datetime import UTC, datetime

import pytest

from intake.grid_text import READ_CHARS, read_text
from model.event import Action, Phase, TargetKind

REDUCE, RAISE, HOLD = Action.REDUCE_LOAD, Action.INCREASE_GEN, Action.HOLD


@pytest.mark.parametrize(
    ("text", "action", "target_mw"),
    [
        ("reduce 12.5 MW no later than 13:30 EST", REDUCE, 12.5),
        ("Curtail load at ACME.FOUNDRY1 by 1,250 kW.", REDUCE, 1.25),
        ("Please cut demand by at least 19,226 megawatts now", REDUCE, 19226),
        ("increase generation by 40MW", RAISE, 40),
        ("Raise output at MILL.2 by 4 MW", RAISE, 4),
        ("Raise net injection at MILL.2 to 4 MW", RAISE, 4),
        ("increase curtailment to 15 MW", REDUCE, 15),
        ("raise the reduction to 15 MW", REDUCE, 15),
        ("Hold 12.5 MW until released", HOLD, 12.5),
        ("Maintain load reduction at 12.5 MW", HOLD, 12.5),
        ("Reduce 12.5 MW and hold 12.5 MW until released", REDUCE, 12.5),
        ("Take no action.", Action.NONE, None),
        ("Do not reduce 12.5 MW", Action.NONE, None),
        # Numbers that are no order.
        ("An increase of 300 MW in load is expected", None, None),
        ("Please reduce load. A unit of 500 MW was lost.", None, None),
        ("Load was reduced by 500 MW", None, None),
        ("Please reduce 5 MWh", None, None),
        ("reduce twelve MW", None, None),
        ("Reduce 12.5 MW no later than 13:30 EST. We are short of 500 MW.", REDUCE, 12.5),
    ],
)
def test_orders(text, action, target_mw):
    said = read_text(text)
    assert (said.action, said.target_mw, said.doubt) == (action, target_mw, "")


def test_a_level_is_no_difference():
    assert read_text("reduce load to 5 MW").target_kind is TargetKind.ABSOLUTE
    assert read_text("reduce load by 5 MW").target_kind is TargetKind.RELATIVE
    assert read_text("increase curtailment to 15 MW").target_kind is TargetKind.RELATIVE, "so much is cut"


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("reduce 12.5 MW at 13:30 EST, then reduce 20 MW", "it orders several things"),
        ("reduce 12.5 MW and hold 20 MW", "it names several amounts"),
        ("Reduce 5 MW, then 20 MW.", "it names several amounts"),
        ("Reduce 12.5 MW of 40 MW; 500 MW are short", "it names several amounts"),
        ("reduce 5 MW at A, increase generation by 5 MW at B", "it orders several things"),
        ("reduce 5 MW. No action is required.", "it orders megawatts and no action"),
        ("Max Gen Event Step 2 Termination. reduce 5 MW", "it speaks of an end and orders megawatts"),
        ("resource ACME.A1 and resource ACME.B2: reduce 5 MW", "it names several resources"),
        ("increase load reduction by 5 MW", "it raises a reduction, and not to how much"),
        ("increase demand by 5 MW", "it raises something, and not plainly generation"),
        ("increase generation at the load pocket by 5 MW", "it raises something, and not plainly generation"),
        ("increase by 5 MW your curtailment", "it raises something, and not plainly generation"),
        ("reduce curtailment by 5 MW", "it cuts something, and not plainly load"),
        ("curtail generation by 5 MW", "it cuts something, and not plainly load"),
        ("maintain load at 5 MW", "it holds a load, and not plainly a reduction"),
        ("reduce load below 5 MW", "it names a limit and no amount"),
        ("maintain load at or below 5 MW", "it names a limit and no amount"),
        ("reduce load to under 5 MW", "it names a limit and no amount"),
        ("reduce load to at most 5 MW", "it names a limit and no amount"),
        ("reduce load to no more than 5 MW", "it names a limit and no amount"),
        ("reduce load to a maximum of 5 MW", "it names a limit and no amount"),
        ("reduce load by up to 5 MW", "it names a limit and no amount"),
        ("hold load <= 5 MW", "it names a limit and no amount"),
        ("EEA 2. " + "x" * READ_CHARS, "it is longer than 4000 characters"),
    ],
)
def test_two_opinions_are_for_a_person(text, doubt):
    assert read_text(text).doubt == doubt


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("Reduce load by 10 to 15 MW.", "it names several amounts"),
        ("Reduce 10 - 15 MW.", "it names several amounts"),
        ("Curtail between 10 and 15 MW.", "it names several amounts"),
        ("Reduce load by 1 000 MW.", "it names several amounts"),
        ("Reduce load by approximately 5 000 kW.", "it names several amounts"),
        ("Be prepared to reduce load by 10 MW.", "it may be ordered only later"),
        ("If directed, curtail 10 MW.", "it may be ordered only later"),
        ("Resources may be asked to reduce load by 10 MW.", "it may be ordered only later"),
        ("Reduce load by 10 MW when instructed.", "it may be ordered only later"),
    ],
)
def test_a_range_and_what_may_be_ordered_later_are_no_order(text, doubt):
    said = read_text(text)
    assert (said.action, said.target_mw, said.doubt) == (None, None, doubt)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Reduce load at Foundry 1 to 5 MW.", TargetKind.ABSOLUTE),
        ("Reduce load in LRZ 4 by 5 MW. Call MISO if unable, and when complete.", TargetKind.RELATIVE),
        ("If you are in doubt, call. Reduce load by 5 MW and report when complete.", TargetKind.RELATIVE),
    ],
)
def test_a_plain_order_beside_numbers_and_conditions_is_one(text, kind):
    said = read_text(text)
    assert (said.action, said.target_mw, said.target_kind, said.doubt) == (Action.REDUCE_LOAD, 5.0, kind, "")


def test_no_amount_is_taken_where_it_is_not_plain():
    said = read_text("increase demand by 5 MW")
    assert (said.action, said.target_mw) == (None, None)
    assert read_text("do not increase demand by 5 MW").doubt == ""


@pytest.mark.parametrize(
    ("text", "phase", "detail", "program"),
    [
        ("Maximum Generation Event Step 2 Declaration", Phase.EVENT, "Max Gen Event Step 2", "MAXGEN"),
        ("Max Gen Emergency Event Step 1a", Phase.EVENT, "Max Gen Event Step 1a", "MAXGEN"),
        ("MaxGen Warning", Phase.WARNING, "Max Gen Warning", "MAXGEN"),
        ("Maximum Generation Alert", Phase.ALERT, "Max Gen Alert", "MAXGEN"),
        ("Max Gen Event Step 2. LMR Deployment: EDR offers stay", Phase.EVENT, "Max Gen Event Step 2", "LMR"),
        ("Capacity Advisory for tomorrow", Phase.ADVISORY, "Capacity Advisory", ""),
        ("NERC EEA Level 2 is in effect", Phase.EVENT, "EEA 2", ""),
        ("Energy Emergency Alert 1", Phase.WARNING, "EEA 1", ""),
        ("The cafeteria is closed", None, "", ""),
    ],
)
def test_phases(text, phase, detail, program):
    said = read_text(text)
    assert (said.phase, said.detail, said.program) == (phase, detail, program)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("Max Gen Event Step 2 Termination.", True),
        ("MISO is terminating the Max Gen Event", True),
        ("MISO terminated the Max Gen Event Step 2 at 18:00 EST", True),
        ("The Max Gen Event is being terminated effective 18:00 EST", True),
        ("Max Gen Event Step 2, until MISO terminates the event", False),
        ("Max Gen Event Step 2. When MISO terminates the event you will be told.", False),
        ("The Max Gen Warning has been cancelled", True),
        ("All resources released.", True),
        ("Max Gen Event Step 2: hold until released", False),
        ("Max Gen Event Step 2, until terminated", False),
        ("Max Gen Event Step 2 has not been terminated", False),
        ("The event is not terminated", False),
        ("Max Gen Event Step 2: notice of termination will follow", False),
        ("Max Gen Event Step 2 Declaration", False),
    ],
)
def test_an_end_is_no_mere_word(text, ends):
    assert read_text(text).ends is ends


@pytest.mark.parametrize(
    "text",
    [
        "The Maximum Generation Event Step 2 has been terminated.",
        "Effective 07/14/2026 16:45 EST, the Max Gen Event Step 2 for LRZ 4 and 5 has been terminated.",
        "Maximum Generation Event Step 2 effective until 07/14/2026 17:30 EST is cancelled",
        "Max Gen Event Step 2 (EEA 2) is terminated",
        "CANCELLATION - Max Gen Warning",
        "Cancelled: Maximum Generation Alert for LRZ 4.",
        "Max Gen Event Step 2 Cancellation. Do not reduce. Return to normal.",
        "Termination of the Maximum Generation Event Step 2 Declaration.",
        "Max Gen Event Step 2. EDR Dispatch: resource ACME.FOUNDRY1 is released.",
        "Max Gen Event Step 2: the EDR Dispatch has been terminated. Operating reserves have been released.",
        "MISO is cancelling the Capacity Advisory",
        "Max Gen Event Step 2 is no longer in effect; all resources are released to return to normal.",
    ],
)
def test_an_end_of_what_the_text_speaks_of(text):
    said = read_text(text)
    assert (said.ends, said.doubt, said.end_doubt) == (True, "", "")


@pytest.mark.parametrize(
    "text",
    [
        "The Maximum Generation Event Step 2 remains in effect for Local Resource Zone 4. "
        "The Maximum Generation Warning for the remaining zones has been terminated.",
        "MISO declares a Maximum Generation Emergency Event Step 2 for Local Resource Zone 4. "
        "The Maximum Generation Warning issued at 10:00 EST is cancelled.",
        "Max Gen Event Step 2 Declaration. The event's drill is cancelled.",
        "Max Gen Event Step 2. The Warning is cancelled.",
        "Max Gen Event Step 2. The Hot Weather Alert has been cancelled.",
        "EEA 2. The Max Gen Warning has been cancelled.",
        "EEA 1 has been terminated, MISO is in EEA 2",
        "Max Gen Event Step 3 has been terminated. Step 2.",
        "Conservative Operations. Max Gen Event Step 2 Termination.",
        "The Max Gen Event Step 2 continues. The dispatch is cancelled.",
        "Max Gen Event Step 2 has been terminated for all zones except LRZ 4.",
        "Max Gen Event Step 2 has been terminated. Curtail load at once.",
    ],
)
def test_an_end_beside_what_holds_is_for_a_person(text):
    said = read_text(text)
    assert (said.ends, said.end_doubt) == (False, "it speaks of an end and of something that holds")


@pytest.mark.parametrize(
    "text",
    [
        "Max Gen Event Step 2: all planned transmission outages are cancelled",
        "All planned outages during the\nMax Gen Event Step 2 are cancelled.",
        "MISO has cancelled the dispatch of planned outages. Max Gen Event Step 2.",
        "MISO terminated transmission contracts. Max Gen Event Step 2.",
        "Max Gen Event Step 2. Operating reserves have been released.",
        "Max Gen Event Step 2. Quick start resources released.",
        "Max Gen Event Step 2. LMRs are released for dispatch.",
        "Max Gen Event Step 2. In the event this is cancelled, you will hear.",
        "Until the Max Gen Event Step 2 is terminated, no outages.",
        "Max Gen Event Step 2: termination expected at 18:00",
    ],
)
def test_an_end_of_something_else_is_for_a_person(text):
    said = read_text(text)
    assert (said.ends, said.end_doubt) == (False, "it speaks of an end, and not plainly of what")


def test_the_gravest_step_counts_where_several_are_spoken_of():
    """Its severity is that of an order, whichever is named first."""
    said = read_text("The Max Gen Warning is cancelled. Max Gen Event Step 2 remains in effect, EEA 1, EEA 3.")
    assert (said.phase, said.detail, said.eea) == (Phase.EVENT, "Max Gen Event Step 2", 3)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Local Resource Zone 4.", ["4"]),
        ("Local Resource Zone 4: reduce 5 MW", ["4"]),
        ("LRZ 4, 5: at 13:30", ["4", "5"]),
        ("LRZ 4, 13:30 EST", ["4"]),
        ("LRZ 4, 5 and 7", ["4", "5", "7"]),
        ("LRZs 1-7", ["1", "2", "3", "4", "5", "6", "7"]),
        ("Local Resource Zones 8 through 10", ["8", "9", "10"]),
        ("LRZ 4, 12.5 MW at 13:30", ["4"]),
        ("LRZ 4, 07/14/2026", ["4"]),
        ("zone 4", []),
    ],
)
def test_zones(text, codes):
    assert [zone.code for zone in read_text(text).zones] == codes


@pytest.mark.parametrize(
    ("text", "says", "names"),
    [
        ("OPERATOR DRILL - OPERATOR DRILL. Max Gen", True, True),
        ("OPERATOR DRILL OPERATOR DRILL Max Gen", True, True),
        ("*** DRILL *** Max Gen Event", True, True),
        ("This is a drill; take no action", True, True),
        ("Max Gen Event. This is only a scheduled operator drill.", True, True),
        ("DRILL: Max Gen Event", True, True),
        ("DRILL: the next drill is planned for Friday", True, True),
        ("This is not a drill. Max Gen Event", False, False),
        ("Not an operator drill", False, False),
        ("Actual event, no operator drill. Max Gen Event", False, False),
        ("Max Gen Event. The operator drill planned for today is postponed.", False, False),
        ("The drill at 14:00 has been cancelled. Max Gen Event", False, False),
        ("Operator drill scheduled. Max Gen Event", False, False),
        ("drilling rigs reduce load", False, False),
        # It may be one, or not.
        ("Max Gen Event. Operators in the drill go home.", False, True),
        ("Operator drill participants: Max Gen Event", False, True),
        ("Do not think this is a drill. Max Gen Event", False, True),
        ("DRILL: this is not a drill", False, True),
        ("Drill of the Max Gen Event cancelled", False, True),
        ("Operator drill scheduled. Max Gen Event Step 2 has been terminated.", False, True),
    ],
)
def test_drills_say_so(text, says, names):
    said = read_text(text)
    assert (said.drill, said.names_drill) == (says, names)


def test_eastern_standard_time_holds_in_summer():
    """13:30 EST in July is 18:30 UTC, though the clocks in the east then show daylight time."""
    said = read_text("effective from 07/14/2026 13:30 EST until 07/14/2026 24:00, no later than 07/14/2026 13:45 CDT")
    assert said.starts_at == datetime(2026, 7, 14, 18, 30, tzinfo=UTC)
    assert said.ends_at == datetime(2026, 7, 15, 5, 0, tzinfo=UTC)
    assert said.due_at == datetime(2026, 7, 14, 18, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "written", "hour"),
    [
        ("07/14/2026", "13:30 EPT", 17),  # prevailing: whatever the clocks show there
        ("01/14/2026", "13:30 EPT", 18),
        ("07/14/2026", "13:30 CPT", 18),
        ("07/14/2026", "13:30 (EDT)", 17),
        ("07/14/2026", "13:30:00 CST", 19),
        ("07/14/2026", "1330 hours CST", 19),
        ("07/14/2026", "13:30 Eastern Standard Time", 18),
        ("07/14/2026", "13:30 at resource ALTW.FOUNDRY1", 18),
        ("07/14/2026", "1:30 PM EST", None),
        ("07/14/2026", "1:30 p.m.", None),
        ("07/14/2026", "13:30 ET", None),
        ("07/14/2026", "13:30 (MST)", None),
        ("07/14/2026", "13:30 Central Prevailing Time", None),
    ],
)
def test_a_time_by_another_clock_is_not_taken_for_eastern_standard(date, written, hour):
    """An hour too late is too late: what is not known for certain is left out."""
    due_at = read_text(f"Reduce load by 5 MW no later than {date} {written}.").due_at
    assert due_at == (hour and datetime(2026, int(date[:2]), 14, hour, 30, tzinfo=UTC))


def test_a_day_there_is_not_is_no_time():
    assert read_text("effective 02/30/2026 13:30 EST").starts_at is None
