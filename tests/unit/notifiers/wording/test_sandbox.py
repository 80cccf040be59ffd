"""Templates read what they are given, and nothing behind it."""

from types import SimpleNamespace

import pytest
from jinja2.exceptions import SecurityError, TemplateNotFound, UndefinedError

from notifiers.wording.catalogue import sandbox


@pytest.mark.parametrize("reach", ["{{ x.__class__ }}", "{{ x.append(1) }}", "{{ f.__globals__ }}"])
def test_what_is_behind_a_value_stays_out_of_reach(reach):
    template = sandbox("sms").from_string(reach)
    for _ in range(2):  # the answer is remembered
        with pytest.raises(SecurityError):
            template.render(x=[], f=lambda: None)


@pytest.mark.parametrize("channel", ["voice", "sms", "slack", "pagerduty", "page"])
@pytest.mark.parametrize(
    "reach",
    [
        "{{ settings }}",
        "{{ environ.GRIDCALL_TWILIO_AUTH_TOKEN }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.environ }}",
        "{{ f.note.__class__.__mro__[1].__subclasses__() }}",
        "{{ '{0.__class__.__init__.__globals__}'.format(f) }}",
        "{{ f | attr('__class__') }}",
        "{% include '/proc/self/environ' %}",
        "{% include '../../../../../../etc/hostname' %}",
        "{% import 'os' as os %}{{ os.environ }}",
    ],
)
def test_a_template_that_looks_for_secrets_finds_none(channel, reach, monkeypatch):
    """What is not handed to it does not exist for it; what is behind that is refused, and no file but ours is read."""
    monkeypatch.setenv("GRIDCALL_TWILIO_AUTH_TOKEN", "a-very-secret-token")
    with pytest.raises((SecurityError, UndefinedError, TemplateNotFound)):
        sandbox(channel).from_string(reach).render(f=SimpleNamespace(note="x"))


def test_what_is_remembered_of_one_type_says_nothing_of_another():
    template = sandbox("sms").from_string("{{ x.append }}")
    with pytest.raises(SecurityError):
        template.render(x=[])
    assert template.render(x={"append": "fine"}) == "fine"
