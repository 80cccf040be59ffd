"""The numbers Gridcall calls from as a contact (vCard 3.0, RFC 2426), to be let through Do Not Disturb. Pure."""

from collections.abc import Iterable
from datetime import datetime

from icalendar import Component
from icalendar.prop import vN, vText

from config.settings import Settings

NAME = "Gridcall on call"
NOTE = "Calls and texts about grid events. Let this contact through Do Not Disturb."


class _Card(Component):
    name = "VCARD"


def caller_numbers(settings: Settings) -> list[str]:
    """What a phone shows when we call or text, and when the watch calls about Gridcall itself; each once."""
    given = (*(settings.dialling.numbers if settings.dialling else ()), settings.watch_twilio_from)
    return list(dict.fromkeys(number for number in given if number))


def caller_card(numbers: Iterable[str], uid: str, now: datetime) -> bytes:
    """One contact with all the numbers. Saved again, one of the same `uid` takes the place of the former."""
    card = _Card()
    card.add("version", vText("3.0"))
    card.add("fn", vText(NAME))
    card.add("n", vN((NAME, "", "", "", "")))
    for number in numbers:
        card.add("tel", vText(number), parameters={"TYPE": "CELL"})
    card.add("note", vText(NOTE))
    card.add("uid", vText(uid))
    card.add("rev", vText(now.strftime("%Y-%m-%dT%H:%M:%SZ")))
    return bytes(card.to_ical(sorted=False))
