"""The catalogues of templates, one file per channel, and what makes issuers' text harmless in each."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

from notifiers.wording.clean import for_slack, for_voice, shorten, words

HERE = Path(__file__).parent
LANGUAGE = "en"


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


def sandbox(name: str) -> SandboxedEnvironment:
    """What a channel's templates may do and see. HTML is escaped by Jinja's own means, all of it."""
    if name == "page":
        return _Sandbox(loader=FileSystemLoader(HERE / LANGUAGE), undefined=StrictUndefined, autoescape=True)
    environment = _Sandbox(
        loader=FileSystemLoader(HERE / LANGUAGE),
        undefined=StrictUndefined,
        finalize=_HARMLESS[name],
        autoescape=False,
    )
    environment.filters.update(words=words, shorten=shorten, begin=begin)
    return environment


class Catalogue:
    """The macros of one channel. Everything printed passes through the channel's filter for strangers' text."""

    def __init__(self, name: str) -> None:
        self._macros: Any = sandbox(name).get_template(f"{name}.j2").module
        self._name = name

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
        """ "sms/alert@1" """
        return f"{self._name}/{kind}@{self._macros.version}"


@cache
def catalogue(name: str) -> Catalogue:
    return Catalogue(name)


def begin(text: str) -> str:
    """As a sentence begins: `capitalize` would lower the rest."""
    return text[:1].upper() + text[1:]


def tidy(text: str) -> str:
    one_line = " ".join(text.split())
    return re.sub(r"(?<=[.!?,:])\.(?!\.)", "", re.sub(r" +([.,])(?=\s|$)", r"\1", one_line))


def escape_slack(text: str) -> str:
    return str(for_slack(text))
