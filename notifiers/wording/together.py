"""The words of one message that tells several events: the most urgent in words of their own, of the rest how many."""

import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from model.attempt import Words
from model.event import Event
from model.plan import WAYS, Form, Kind, Notification
from model.roster import Person
from notifiers.wording import slack_blocks, speech
from notifiers.wording.answers import NO_KEY
from notifiers.wording.catalogue import catalogue, escape_slack
from notifiers.wording.context import WordingContext
from notifiers.wording.facts import Facts, facts
from notifiers.wording.sms_parts import fit_as_parts, fits_as_part, plain, split_sms

TIGHTEST = 3
TIGHTEST_CALL = 2
LONGEST_SCRIPT = 1500  # characters: what a call says is cut there where it says it once more
WITH_BUTTONS = 8
SECTION_CHARS = 2900  # Slack takes 3000
# Of all blocks of a post as JSON: Slack refuses somewhat more than 12,000, and takes no part of them. The buttons of a
# new post are given their attempt when it goes out; an edit has it already.
BLOCKS_CHARS = 10_000
EDITED_BLOCKS_CHARS = 12_000
EDITED_BYTES = 4000  # of text; what is shown are the blocks


class Named(NamedTuple):
    """One of the events."""

    row: Notification
    event: Event
    context: WordingContext


def render_together(
    named: Sequence[Named], count: int, person: Person | None, page: str, now: datetime
) -> tuple[Words, ...]:
    """What is said of `count` events, of which `named` are the most urgent. Several only where it takes several SMS.

    All are of one kind, to one reader. `page`: the address where the reader finds the rest. None where a call that
    names two of them would last too long. A call and a post tell no more than they name (`told` and `lists` in the
    payload: the ids of the rows); what is left waits for another one.
    """
    first = named[0].row
    said = [facts(one.row, one.event, person, one.context, now) for one in named]
    match WAYS[first.channel].form:
        case Form.SPEECH:
            return _call(named, said, count)
        case Form.TEXT:
            return _sms(first.kind, said, count, page)
    return (_slack(named, said),)


def _call(named: Sequence[Named], said: Sequence[Facts], count: int) -> tuple[Words, ...]:
    """As many events as can be told within the shortest call that their policies allow."""
    voice, seconds = catalogue("voice", said[0].language), min(one.context.call_seconds for one in named)
    most = min(len(said), WAYS[named[0].row.channel].named)
    for n, tight in [(n, tight) for n in range(most, 1, -1) for tight in range(TIGHTEST_CALL + 1)]:
        payload = _spoken(named[:n], said[:n], count - n, tight)
        script = said_again(payload, payload["told"])
        if len(script) > LONGEST_SCRIPT:
            continue
        for times in (2, 1):
            if speech.call_seconds(script, times, NO_KEY) <= seconds:
                payload |= {"prompt": script, "language": voice.speech, "times": times}
                return (Words(text=script, template=voice.template("alert_together"), payload=payload),)
    return ()


def _spoken(named: Sequence[Named], said: Sequence[Facts], more: int, tight: int) -> dict[str, Any]:
    """All that it takes to say it once more. A drill among others says so by itself."""
    voice, same = catalogue("voice", said[0].language), len({f.opening for f in said}) == 1
    return {
        "told": [one.row.id for one in named],
        "items": [voice.say("alert_item", f, same, tight) for f in said],
        "opening": said[0].opening if same else "",
        "mode": said[0].mode if same else "",
        "more": more,
        "asks": said[0].keys,
        "catalogue": said[0].language,
    }


def said_again(payload: Mapping[str, Any], still: Collection[str]) -> str:
    """What a call about several events says of those rows that `still` hold."""
    items = [item for row_id, item in zip(payload["told"], payload["items"], strict=True) if row_id in still]
    frame = [payload["opening"], payload["mode"], items, len(payload["told"]), payload["more"], payload["asks"]]
    return catalogue("voice", payload["catalogue"]).say("alert_together", *frame)


def _sms(kind: Kind, said: Sequence[Facts], count: int, page: str) -> tuple[Words, ...]:
    """As many events as fit; each of them less wordy before one is left out."""
    sms, mark = catalogue("sms", said[0].language), said[0].code or said[0].reference
    tries = [(n, tight) for n in range(min(len(said), WAYS[_TEXT].named), 0, -1) for tight in range(TIGHTEST + 1)]
    for n, tight in tries:
        items = [plain(sms.say(f"{kind}_item", f, tight)) for f in said[:n]]
        head = f"{plain(sms.say(f'{kind}_together', count))} {items[0]}"
        rest, more = " ".join(items[1:]), plain(sms.say("and_more", count - n, kind == Kind.ALERT))
        if fits_as_part(head, mark) and fit_as_parts(head, rest, more, mark):
            break
    parts = split_sms(head, rest, more, mark, page)
    return tuple(Words(text=part, template=sms.template(f"{kind}_together")) for part in parts)


_TEXT = next(channel for channel, way in WAYS.items() if way.form is Form.TEXT)


def _slack(named: Sequence[Named], said: Sequence[Facts]) -> Words:
    """As many events as fit, at least one."""
    slack, kind = catalogue("slack", said[0].language), named[0].row.kind
    lines = _lines(named, said)

    def blocks(n: int) -> list[dict[str, Any]]:
        return _blocks(slack.say(f"{kind}_together", n), named[:n], said[:n], lines[:n])

    n = max(1, _most(len(named), BLOCKS_CHARS, blocks))
    return Words(
        text="\n".join([escape_slack(slack.say(f"{kind}_together", n)), *lines[:n]]),
        template=slack.template(f"{kind}_together"),
        payload={"blocks": blocks(n), "lists": [one.row.id for one in named[:n]]},
    )


def _most(count: int, chars: int, blocks: Callable[[int], list[dict[str, Any]]]) -> int:
    """How many of `count` events may be in a post, for its blocks to be within what Slack takes."""

    def size(n: int) -> int:
        return len(json.dumps(blocks(n), ensure_ascii=False))

    return count if size(count) <= chars else bisect_right(range(1, count), chars, key=size)


def render_edited(named: Sequence[Named], attempt: str, person: Person | None, now: datetime) -> Words:
    """A post of several events anew, when some of them are over: those are told by rows of the kind `edit`.

    `attempt`: by which it was posted. Its lines may have grown: what no longer fits is counted. What it says beside its
    blocks is cut to what Slack takes of an edit.
    """
    said = [facts(one.row, one.event, person, one.context, now) for one in named]
    slack = catalogue("slack", said[0].language)
    all_over = all(one.row.kind is Kind.EDIT for one in named)
    head = slack.say(f"{Kind.STAND_DOWN if all_over else Kind.ALERT}_together", len(named))
    lines = _lines(named, said)
    text = escape_slack(head)
    for line in lines:
        if len(f"{text}\n{line}".encode()) > EDITED_BYTES:
            break
        text += f"\n{line}"

    def blocks(n: int) -> list[dict[str, Any]]:
        left = [slack_blocks.section(slack.say("and_more", len(named) - n))] if n < len(named) else []
        return _blocks(head, named[:n], said[:n], lines[:n], attempt) + left

    return Words(
        text=text,
        template=slack.template(f"{Kind.EDIT}_together"),
        payload={"blocks": blocks(_most(len(named), EDITED_BLOCKS_CHARS, blocks))},
    )


def _lines(named: Sequence[Named], said: Sequence[Facts]) -> list[str]:
    slack = catalogue("slack", said[0].language)
    return [escape_slack(slack.say("item", f, one.row.kind)) for one, f in zip(named, said, strict=True)]


def _blocks(
    head: str, named: Sequence[Named], said: Sequence[Facts], lines: Sequence[str], attempt: str = ""
) -> list[dict[str, Any]]:
    """A line for each; the first ones with buttons where an answer is asked for."""
    blocks: list[dict[str, Any]] = [slack_blocks.header(head)]
    for one, f, line in list(zip(named, said, lines, strict=True))[:WITH_BUTTONS]:
        answer = one.event.rings and one.row.kind is Kind.ALERT and f.revision >= one.event.answer_revision
        asks = answer and one.context.buttons
        blocks += slack_blocks.item(line, one.event.pk, f.revision if asks else None, attempt)
    return blocks + [slack_blocks.section(text) for text in _sections(lines[WITH_BUTTONS:])]


def _sections(lines: Sequence[str]) -> list[str]:
    """Whole lines, as many as one section takes."""
    found: list[str] = []
    for line in lines:
        if found and len(found[-1]) + 1 + len(line) <= SECTION_CHARS:
            found[-1] += f"\n{line}"
        else:
            found.append(line[:SECTION_CHARS])
    return found
