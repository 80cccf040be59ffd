"""How a machine should say numbers, clocks and references so that a tired person hears them right."""

from datetime import datetime, timedelta

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["", "", "twenty", "thirty", "forty", "fifty"]
# Each with its hours from UTC: Manila's PST is not Pacific, Shanghai's CST not Central.
_ZONES: dict[tuple[str, float], str] = {
    ("EST", -5): "Eastern Standard", ("EDT", -4): "Eastern Daylight",
    ("CST", -6): "Central Standard", ("CDT", -5): "Central Daylight",
    ("MST", -7): "Mountain Standard", ("MDT", -6): "Mountain Daylight",
    ("PST", -8): "Pacific Standard", ("PDT", -7): "Pacific Daylight",
    ("AST", -4): "Atlantic Standard", ("ADT", -3): "Atlantic Daylight",
    ("AKST", -9): "Alaska Standard", ("AKDT", -8): "Alaska Daylight", ("HST", -10): "Hawaii Standard",
    ("UTC", 0): "U T C", ("GMT", 0): "G M T", ("BST", 1): "British Summer",
    ("CET", 1): "Central European", ("CEST", 2): "Central European Summer",
    ("EET", 2): "Eastern European", ("EEST", 3): "Eastern European Summer",
}  # fmt: skip
_MARKS = {".": "point", "+": "plus", "-": "minus"}


SECONDS_A_WORD = 0.365  # espeak-ng at 180 words a minute, pauses at full stops included


KEY_WAIT_SECONDS = 5  # for a key, after the script


def seconds(text: str) -> float:
    """How long it takes to say `text`."""
    return len(text.split()) * SECONDS_A_WORD


def call_seconds(script: str, times: int, farewell: str) -> float:
    """How long a call lasts that says `script` so many times, waits for a key after each, and gets none."""
    return times * (seconds(script) + KEY_WAIT_SECONDS) + seconds(farewell)


def count(number: int) -> str:
    """0 to 59 in words, digit by digit above."""
    if number < len(_ONES):
        return _ONES[number]
    if number < 60:
        tens, ones = divmod(number, 10)
        return f"{_TENS[tens]} {_ONES[ones]}" if ones else _TENS[tens]
    return digits(str(number))


def digits(text: str) -> str:
    """Character by character: "12.5" is "one two point five", "A7" is "A seven"."""
    return " ".join(_ONES[int(c)] if c in "0123456789" else _MARKS.get(c, c.upper()) for c in text if not c.isspace())


def clock(at: datetime) -> str:
    """13:30 is "thirteen thirty", 14:00 "fourteen hundred", 00:05 "zero zero oh five"."""
    hour = "zero zero" if at.hour == 0 else f"oh {count(at.hour)}" if at.hour < 10 else count(at.hour)
    minute = "hundred" if at.minute == 0 else f"oh {count(at.minute)}" if at.minute < 10 else count(at.minute)
    return f"{hour} {minute}"


def zone(abbreviation: str, offset: timedelta | None) -> str:
    """CDT at five hours behind UTC is "Central Daylight"; what has no name, or another's abbreviation, is spelled."""
    if offset is not None and (name := _ZONES.get((abbreviation, offset / timedelta(hours=1)))):
        return name
    return digits(abbreviation.replace(":", " "))
