"""Templates read what they are given, and nothing behind it."""

import pytest
from jinja2.exceptions import SecurityError

from notifiers.wording.catalogue import sandbox


@pytest.mark.parametrize("reach", ["{{ x.__class__ }}", "{{ x.append(1) }}", "{{ f.__globals__ }}"])
def test_what_is_behind_a_value_stays_out_of_reach(reach):
    template = sandbox("sms").from_string(reach)
    for _ in range(2):  # the answer is remembered
        with pytest.raises(SecurityError):
            template.render(x=[], f=lambda: None)


def test_what_is_remembered_of_one_type_says_nothing_of_another():
    template = sandbox("sms").from_string("{{ x.append }}")
    with pytest.raises(SecurityError):
        template.render(x=[])
    assert template.render(x={"append": "fine"}) == "fine"
