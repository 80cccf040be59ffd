"""The longest beginning decides who may be called and from which number; a refusal names its rule, never the number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import callers, destinations
from model.errors import SendError
from notifiers.dialling import Dialling

US, UK, LONDON = "+13125550100", "+441134960000", "+442079460000"
OURS = Dialling(US, callers(f"+44={UK}, +4420={LONDON}"), destinations("+1, !+1242, +44, !+4470, +447012"))


@pytest.mark.parametrize(
    ("to", "caller"),
    [
        ("+13125550101", US),
        ("+441134960001", UK),
        ("+442079460001", LONDON),
        ("+447012345678", UK),  # allowed by a longer rule than the one that forbids it
    ],
)
def test_the_longest_beginning_chooses_our_number(to: str, caller: str) -> None:
    assert OURS.caller(to) == caller


@pytest.mark.parametrize(
    ("to", "rule"),
    [
        ("+12425550101", "+1242 is forbidden by GRIDCALL_TWILIO_DESTINATIONS"),
        ("+447000000000", "+4470 is forbidden by GRIDCALL_TWILIO_DESTINATIONS"),
        ("+4930123456", "no rule of GRIDCALL_TWILIO_DESTINATIONS allows it"),
        ("+19002345678", "premium-rate"),  # though +1 is allowed
    ],
)
def test_what_may_not_be_called_is_refused_with_the_name_of_the_rule(to: str, rule: str) -> None:
    with pytest.raises(SendError, match="not allowed") as refused:
        OURS.caller(to)
    assert str(refused.value) == f"not allowed: {rule}"
    assert (refused.value.retryable, refused.value.bad_address) == (False, True)
    assert to not in str(refused.value)


def test_without_rules_all_but_premium_rate_may_be_called() -> None:
    assert Dialling(US).caller("+4930123456") == US
    assert Dialling(US).forbids("+19002345678") == "premium-rate"
    forbidding = Dialling(US, rules=destinations("!+49"))
    assert forbidding.forbids("+4930123456") == "+49 is forbidden by GRIDCALL_TWILIO_DESTINATIONS"
    whole = Dialling(US, rules=destinations("!+13125550101"))
    assert whole.forbids("+13125550101").startswith("+13125… is forbidden")
    assert forbidding.caller("+4312345678") == US


digits = st.text("0123456789", max_size=9).map(lambda rest: "+1" + rest)


@given(st.dictionaries(digits, st.booleans(), max_size=6), digits)
def test_a_longer_rule_is_stronger_than_each_shorter(rules: dict[str, bool], to: str) -> None:
    """As an oracle: of all rules that the number begins with, the longest."""
    fitting = [rule for rule in rules if to.startswith(rule)]
    found = Dialling(US, rules=rules).forbids(to)
    if found == "premium-rate":
        return
    if fitting:
        assert (found == "") is rules[max(fitting, key=len)]
    else:
        assert (found == "") is not any(rules.values())


@pytest.mark.parametrize("text", ["44", "+44,+44", "+0", "!+", "+44;+1"])
def test_rules_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        destinations(text)


@pytest.mark.parametrize("text", ["+44", "+44=+4", f"+44={UK},+44={LONDON}", "44=+441134960000"])
def test_callers_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        callers(text)
