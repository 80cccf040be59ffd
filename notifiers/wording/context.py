"""What wording needs beyond the notification and the event: lookups in the roster, done by the caller."""

from dataclasses import dataclass
from datetime import datetime

from model.roster import Resource, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class WordingContext:
    """`sites`: the roster's entries for the event's resources. `code`: the letters a text is answered with.

    `accepted_by`: who has it and since when. `timezone`: the clock of readers who are no person (a channel), where
    the first site has none. `also_confirm` "": the source's own.
    `page`: the address of the reader's page of the event. `keys`, `buttons`: whether what is pressed comes to us.
    `call_seconds`: how long a call may last once it is picked up. `alike`: how many open events it rings for besides.
    """

    source: Source
    sites: tuple[Resource, ...] = ()
    team_name: str = ""
    code: str | None = None
    accepted_by: tuple[str, datetime] | None = None
    callback_number: str = ""
    also_confirm: str = ""
    timezone: str | None = None
    page: str = ""
    keys: bool = True
    buttons: bool = True
    call_seconds: float = 90.0
    alike: int = 0
