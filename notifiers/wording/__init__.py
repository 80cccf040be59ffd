"""The exact words a person hears and reads, as domain.md section 7 orders them. Pure: no vendor, no store, no clock."""

from datetime import datetime

from model.attempt import Words
from model.event import Event
from model.plan import WAYS, Form, Kind, Notification
from model.roster import Person
from notifiers.wording import pagerduty_event, slack_blocks
from notifiers.wording.catalogue import catalogue, escape_slack
from notifiers.wording.context import WordingContext
from notifiers.wording.facts import Facts, facts
from notifiers.wording.sms_parts import fits_as_part, plain, split_sms

__all__ = ["WordingContext", "render"]

SPEECH_LANGUAGE = "en-US"
TIGHTEST = 3


def render(
    n: Notification, event: Event, person: Person | None, ctx: WordingContext, now: datetime
) -> tuple[Words, ...]:
    """What `n` says at `now`. Several only where a text needs several SMS."""
    f = facts(n, event, person, ctx, now)
    match WAYS[n.channel].form:
        case Form.SPEECH:
            return (_voice(n.kind, f),)
        case Form.TEXT:
            return _sms(n.kind, f, ctx.page)
        case Form.DATA:
            return (_data(n, event, f, ctx),)
        case Form.POST:
            return (_slack(n, event, f, ctx),)


def _voice(kind: Kind, f: Facts) -> Words:
    voice = catalogue("voice")
    script = voice.say(kind, f)
    return Words(
        text=script,
        template=voice.template(kind),
        payload={"prompt": script, "language": SPEECH_LANGUAGE, "asks": kind is Kind.ALERT and f.keys},
    )


def _sms(kind: Kind, f: Facts, page: str) -> tuple[Words, ...]:
    sms, mark = catalogue("sms"), f.code or f.reference
    heads = [plain(sms.say(f"{kind}_head", f, tight)) for tight in range(TIGHTEST + 1)]
    tight = next((n for n, head in enumerate(heads) if fits_as_part(head, mark)), TIGHTEST)
    rest = plain(sms.say(f"{kind}_rest", f, tight))
    parts = split_sms(heads[tight], rest, f.mode if rest else "", mark, page)
    return tuple(Words(text=part, template=sms.template(kind)) for part in parts)


def _slack(n: Notification, event: Event, f: Facts, ctx: WordingContext) -> Words:
    slack = catalogue("slack")
    text, template = escape_slack(slack.say(n.kind, f)), slack.template(n.kind)
    if n.kind in (Kind.NOTE, Kind.ADMIN, Kind.COURTESY, Kind.REMINDER):
        return Words(text=text, template=template)
    answer = event.rings and n.kind is Kind.ALERT and f.revision >= event.answer_revision
    return Words(
        text=text, template=template, payload={"blocks": slack_blocks.blocks(f, event.pk, answer, ctx.buttons)}
    )


def _data(n: Notification, event: Event, f: Facts, ctx: WordingContext) -> Words:
    pagerduty = catalogue("pagerduty")
    summary = pagerduty.say(n.kind, f)
    payload = pagerduty_event.payload(n, event, f, ctx, summary)
    return Words(text=payload["summary"], template=pagerduty.template(n.kind), payload=payload)
