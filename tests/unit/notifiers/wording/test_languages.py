"""Everybody is told in the language of their own, as far as there is a catalogue of it."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from shutil import copytree

import pytest
from wording_world import ANA, CONTEXT, NEW, NOW, event, row, say

from model.plan import Kind
from notifiers.wording import page as operators_page
from notifiers.wording import render_together
from notifiers.wording.catalogue import Catalogue
from notifiers.wording.together import Named

catalogue = import_module("notifiers.wording.catalogue")  # the package has a function of that name
LENA = replace(ANA, id="lena", name="Lena", language="de-AT")


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A catalogue beside the English one, for calls and posts only."""
    copytree(catalogue.HERE / "en", tmp_path / "en")
    (tmp_path / "de").mkdir()
    for channel, english, other in (("voice", "en-US", "de-DE"), ("slack", "Answer by", "Antwort bis")):
        text = (tmp_path / "en" / f"{channel}.j2").read_text()
        assert english in text
        (tmp_path / "de" / f"{channel}.j2").write_text(text.replace(english, other))
    monkeypatch.setattr(catalogue, "HERE", tmp_path)
    caches = (catalogue.languages, catalogue.catalogue)
    for cached in caches:
        cached.cache_clear()
    yield tmp_path
    for cached in caches:
        cached.cache_clear()


def test_words_come_from_the_readers_catalogue(german: Path) -> None:
    [call] = say("voice", person=LENA)
    assert (call.payload["language"], call.template) == ("de-DE", "de/voice/alert@6")
    [post] = say("slack_dm", person=LENA)
    assert "Antwort bis" in str(post.payload)
    [call] = say("voice", person=ANA)
    assert (call.payload["language"], call.template) == ("en-US", "voice/alert@6")


def test_what_a_language_lacks_is_said_in_english(german: Path) -> None:
    assert [part.text for part in say("sms", person=LENA)] == [part.text for part in say("sms", person=ANA)]
    french = replace(ANA, language="fr")
    assert say("slack_dm", person=french) == say("slack_dm", person=ANA)
    assert "Answer by" in str(say("slack_channel", person=None)[0].payload)  # a channel is nobody


def test_several_events_in_one_message_are_told_in_it_too(german: Path) -> None:
    one = Named(row("slack_dm", Kind.ALERT, event(NEW), person=LENA), event(NEW), CONTEXT)
    [words] = render_together([one, one], 2, LENA, "", NOW)
    assert words.template.startswith("de/slack/")


@pytest.mark.parametrize("wanted", ["", "..", "/etc", "xx", "en-GB", "EN"])
def test_whatever_is_wanted_there_is_a_catalogue(wanted: str) -> None:
    assert catalogue.language(wanted) == "en"


def test_every_catalogue_says_all_that_the_english_one_says() -> None:
    """A file of another language with a macro less would fail at the first event that needs it."""
    for language in catalogue.languages():
        for channel in ("voice", "sms", "slack", "pagerduty"):
            english, other = (vars(Catalogue(channel, one)._macros).keys() for one in ("en", language))
            assert english <= other, f"{language}/{channel}.j2 lacks {english - other}"
    assert operators_page.style()
