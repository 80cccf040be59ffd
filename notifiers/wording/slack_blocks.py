"""A Slack post as blocks: header, fields, each site's share, what the issuer wrote, buttons, context."""

import json
from typing import Any

from notifiers.wording.catalogue import catalogue, escape_slack
from notifiers.wording.clean import shorten
from notifiers.wording.facts import Facts

HEADER_CHARS = 150
FIELDS = 10
FIELD_CHARS = 600
SECTION_CHARS = 1500


def blocks(f: Facts, event_pk: str, answer: bool, buttons: bool = True) -> list[dict[str, Any]]:
    """`answer`: it asks for one, with `buttons`. Their value lacks the attempt's id: the channel adds it."""
    slack = catalogue("slack", f.language)
    made: list[dict[str, Any]] = [
        header(_header(f)),
        {
            "type": "section",
            "fields": [_mrkdwn(line, FIELD_CHARS) for line in slack.lines("fields", f, answer)[:FIELDS]],
        },
    ]
    if shares := slack.say("shares", f):  # not among the fields: many sites would push out the rest
        made.append(section(_escaped(shares, SECTION_CHARS)))
    if said := slack.say("said", f):
        made.append(
            {"type": "section", "text": {"type": "plain_text", "text": _escaped(said, SECTION_CHARS), "emoji": False}}
        )
    if answer and buttons:
        made.append({"type": "actions", "elements": _buttons(event_pk, f.revision)})
    made.append({"type": "context", "elements": [_mrkdwn(slack.say("context", f), FIELD_CHARS)]})
    return made


def header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def section(text: str) -> dict[str, Any]:
    """`text` is escaped already."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def item(line: str, event_pk: str, revision: int | None, attempt: str = "") -> list[dict[str, Any]]:
    """One of several events, with its buttons where `revision` needs an answer. `line` is escaped already.

    `attempt`: by which they were told first, where that is another than the one that says so now.
    """
    buttons = [] if revision is None else [{"type": "actions", "elements": _buttons(event_pk, revision, attempt)}]
    return [section(line), *buttons]


def _header(f: Facts) -> str:
    """DRILL stays last even when the middle has to be shortened."""
    text = catalogue("slack", f.language).say("header", f)
    ending = f" {f.mode}" if f.mode else ""
    body = text.removesuffix(ending)
    for chars in range(HEADER_CHARS - len(ending), 0, -10):  # escapes grow it: shorten until it fits
        header = escape_slack(shorten(body, chars)) + ending
        if len(header) <= HEADER_CHARS:
            return header
    return f.mode


def _escaped(text: str, chars: int) -> str:
    return escape_slack(shorten(text, chars))


def _mrkdwn(text: str, chars: int) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": _escaped(text, chars), "verbatim": True}


def _buttons(event_pk: str, revision: int, attempt: str = "") -> list[dict[str, Any]]:
    value = json.dumps({"event": event_pk, "revision": revision} | ({"attempt": attempt} if attempt else {}))
    return [
        _button("Acknowledge", "acknowledge", "primary", value),
        _button("Cannot comply", "cannot_comply", "danger", value),
        _button("Who else is called", "who_else", None, value),
    ]


def _button(label: str, action_id: str, style: str | None, value: str) -> dict[str, Any]:
    button = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action_id,
        "value": value,
    }
    return button | {"style": style} if style else button
