"""Names of time zones: those of the IANA database that are in use, and what to write for the others."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from zoneinfo import available_timezones

# Old names as well, but everybody's.
_ALWAYS = frozenset({"UTC", "GMT"})


def problem(name: str) -> str | None:
    """What was expected instead of `name`, None when it is fine."""
    if name in _old_names():
        return f'"{_old_names()[name]}", the name in use now'
    if name in _known():
        return None
    close = get_close_matches(name, _known() - _old_names().keys(), 1)
    return "a timezone such as America/Chicago" + (f'; did you mean "{close[0]}"?' if close else "")


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones()) - {"Factory", "localtime", "posixrules"}


@cache
def _old_names() -> Mapping[str, str]:
    """Deprecated names with those that took their place: links that are no country's own zone."""
    folder = files("tzdata") / "zoneinfo"
    links = [line.split() for line in (folder / "tzdata.zi").read_text().splitlines() if line.startswith("L ")]
    rows = [line.split("\t") for line in (folder / "zone.tab").read_text().splitlines() if not line.startswith("#")]
    fine = _ALWAYS | {row[2] for row in rows}
    return {old: new for _, new, old in links if old not in fine and not old.startswith("Etc/")}
