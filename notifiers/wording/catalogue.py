"""The catalogues of templates, a folder per language and in it a file per channel, and what makes issuers' text
harmless in each.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

from notifiers.wording.clean import for_slack, for_voice, shorten, words
from notifiers.wording.speech import count

HERE = Path(__file__).parent
ENGLISH = "en"


def _same(value: object) -> object:
    return value


# Slack text is escaped by slack.py when a macro has printed it: macros call each other and would escape twice.
_HARMLESS: dict[str, Callable[[object], object]] = {
    "voice": for_voice,
    "sms": _same,
    "slack": _same,
    "pagerduty": _same,
}


class _Sandbox(ImmutableSandboxedEnvironment):
    """Asks once for each type and name whether a template may read it: the answer depends on nothing else."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._safe: dict[tuple[type, str], bool] = {}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        key = (type(obj), attr)
        if (safe := self._safe.get(key)) is None:
            safe = self._safe[key] = super().is_safe_attribute(obj, attr, value)
        return safe


@cache
def languages() -> frozenset[str]:
    """Those that there are catalogues of."""
    return frozenset(templates.parent.name for templates in HERE.glob("*/*.j2"))


def language(wanted: str) -> str:
    """The one of the catalogue to be used: that of "de" for "de-AT" as well, English where there is none."""
    return next((one for one in (wanted, wanted.partition("-")[0]) if one in languages()), ENGLISH)


def sandbox(name: str, language: str = ENGLISH) -> SandboxedEnvironment:
    """What a channel's templates may do and see; a file that the language lacks is the English one.

    HTML is escaped by Jinja's own means, all of it.
    """
    loader = FileSystemLoader([HERE / language, HERE / ENGLISH])
    if name == "page":
        return _Sandbox(loader=loader, undefined=StrictUndefined, autoescape=True)
    environment = _Sandbox(
        loader=loader,
        undefined=StrictUndefined,
        finalize=_HARMLESS[name],
        autoescape=False,
    )
    environment.filters.update(words=words, shorten=shorten, begin=begin, spoken_count=count)
    return environment


class Catalogue:
    """The macros of one channel in one language. All that is printed passes the channel's filter for strangers' text.

    `speech`: what the vendor's voice is told to speak, in the catalogue of calls.
    """

    def __init__(self, name: str, language: str) -> None:
        self._macros: Any = sandbox(name, language).get_template(f"{name}.j2").module
        self._name = name if language == ENGLISH else f"{language}/{name}"
        self.speech: str = getattr(self._macros, "speech", "")

    def say(self, macro: str, *arguments: object) -> str:
        """One line: what the macro prints, with single spaces and single full stops."""
        return tidy(self.print(macro, *arguments))

    def lines(self, macro: str, *arguments: object) -> list[str]:
        """What the macro prints, line by line."""
        printed = self.print(macro, *arguments)
        return [" ".join(line.split()) for line in printed.splitlines() if line.strip()]

    def print(self, macro: str, *arguments: object) -> str:
        return str(getattr(self._macros, macro)(*arguments))

    def template(self, kind: str) -> str:
        """ "sms/alert@1"; of other languages than English "de/sms/alert@1" """
        return f"{self._name}/{kind}@{self._macros.version}"


@cache
def catalogue(name: str, language: str = ENGLISH) -> Catalogue:
    """`language`: one that there is a catalogue of, see there."""
    return Catalogue(name, language)


def begin(text: str) -> str:
    """As a sentence begins: `capitalize` would lower the rest."""
    return text[:1].upper() + text[1:]


def tidy(text: str) -> str:
    one_line = " ".join(text.split())
    return re.sub(r"(?<=[.!?,:])\.(?!\.)", "", re.sub(r" +([.,])(?=\s|$)", r"\1", one_line))


def escape_slack(text: str) -> str:
    return str(for_slack(text))
