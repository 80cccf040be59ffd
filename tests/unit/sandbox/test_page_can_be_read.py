"""The colours of the stand-ins' page can be told apart, by day and by night (WCAG 2.2, 1.4.3: 4.5 to 1)."""

import re
from itertools import product

import pytest

from sandbox.control import PAGE

LEAST = 4.5


def themes() -> list[dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", PAGE.read_text(), re.DOTALL)
    return [dict(re.findall(r"--(\w+): #(\w+);", block)) for block in blocks]


def luminance(colour: str) -> float:
    whole = "".join(digit * 2 for digit in colour) if len(colour) == 3 else colour
    parts = [int(whole[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", themes(), ids=["day", "night"])
def test_words_stand_out_from_what_is_behind_them(theme: dict[str, str]) -> None:
    words = [
        ("ink", "card"),
        ("ink", "ground"),
        ("soft", "ground"),
        *product(("soft", "ring", "talk", "stop", "act"), ["card"]),
    ]
    found = {}
    for word, behind in words:
        light, dark = sorted((luminance(theme[word]), luminance(theme[behind])), reverse=True)
        found[word, behind] = (light + 0.05) / (dark + 0.05)
    assert {pair: round(ratio, 2) for pair, ratio in found.items() if ratio < LEAST} == {}
