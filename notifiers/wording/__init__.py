"""The exact words a person hears and reads, as domain.md section 7 orders them. Pure: no vendor, no store, no clock."""

from collections.abc import Iterable
from datetime import datetime

from model.attempt import Words
from model.event import Event
from model.plan import WAYS, Form, Kind, Notification
from model.roster import Person
from notifiers.wording import pagerduty_event, slack_blocks, speech
from notifiers.wording.answers import NO_KEY
from notifiers.wording.catalogue import catalogue, escape_slack
from notifiers.wording.context import WordingContext
from notifiers.wording.facts import Facts, facts
from notifiers.wording.sms_parts import fits_as_part, plain, split_sms
from notifiers.wording.together import TIGHTEST_CALL, Named, render_edited, render_together, said_again

__all__ = ["Named", "WordingContext", "render", "render_edited", "render_together", "said_again"]

TIGHTEST = 3


def render(
    n: Notification, event: Event, person: Person | None, ctx: WordingContext, now: datetime
) -> tuple[Words, ...]:
    """What `n` says at `now`. Several only where a text needs several SMS."""
    f = facts(n, event, person, ctx, now)
    match WAYS[n.channel].form:
        case Form.SPEECH:
            return (_voice(n.kind, f, ctx.call_seconds),)
        case Form.TEXT:
            return _sms(n.kind, f, ctx.page)
        case Form.DATA:
            return (_data(n, event, f, ctx),)
        case Form.POST:
            return (_slack(n, event, f, ctx),)


def _voice(kind: Kind, f: Facts, call_seconds: float) -> Words:
    voice, times = catalogue("voice", f.language), 2
    if kind is Kind.ALERT:
        script, times = _in_time((voice.say(kind, f, tight) for tight in range(TIGHTEST_CALL + 1)), call_seconds)
    else:
        script = voice.say(kind, f)
    return Words(
        text=script,
        template=voice.template(kind),
        payload={
            "prompt": script,
            "language": voice.speech,
            "asks": kind in (Kind.ALERT, Kind.CONFIRM) and f.keys,
            "times": times,
        },
    )


def _in_time(scripts: Iterable[str], call_seconds: float) -> tuple[str, int]:
    """The first script that is over by then, and how often it is said; the last one once where none is."""
    script = ""
    for script in scripts:
        for times in (2, 1):
            if speech.call_seconds(script, times, NO_KEY) <= call_seconds:
                return script, times
    return script, 1


def _sms(kind: Kind, f: Facts, page: str) -> tuple[Words, ...]:
    sms, mark = catalogue("sms", f.language), f.code or f.reference
    heads = ((n, plain(sms.say(f"{kind}_head", f, n))) for n in range(TIGHTEST + 1))
    tight, head = next((n, head) for n, head in heads if n == TIGHTEST or fits_as_part(head, mark))
    rest = plain(sms.say(f"{kind}_rest", f, tight))
    parts = split_sms(head, rest, f.mode if rest else "", mark, page)
    return tuple(Words(text=part, template=sms.template(kind)) for part in parts)


def _slack(n: Notification, event: Event, f: Facts, ctx: WordingContext) -> Words:
    slack = catalogue("slack", f.language)
    text, template = escape_slack(slack.say(n.kind, f)), slack.template(n.kind)
    if n.kind in (Kind.NOTE, Kind.ADMIN, Kind.COURTESY, Kind.REMINDER, Kind.CONFIRM):
        return Words(text=text, template=template)
    answer = event.rings and n.kind is Kind.ALERT and f.revision >= event.answer_revision
    return Words(
        text=text, template=template, payload={"blocks": slack_blocks.blocks(f, event.pk, answer, ctx.buttons)}
    )


def _data(n: Notification, event: Event, f: Facts, ctx: WordingContext) -> Words:
    pagerduty = catalogue("pagerduty", f.language)
    summary = pagerduty.say(n.kind, f)
    payload = pagerduty_event.payload(n, event, f, ctx, summary)
    return Words(text=payload["summary"], template=pagerduty.template(n.kind), payload=payload)
