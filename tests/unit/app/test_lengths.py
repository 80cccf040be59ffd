"""The canonical messages on every channel: what the first ten seconds carry, and what the first text says alone."""

import array
import io
import re
import subprocess
import wave
from dataclasses import replace
from functools import cache

import pytest

from app.lengths import MESSAGES, Message, first_four, words
from app.serve import DEMO_ROSTER, read_roster
from model.plan import WAYS, ChannelName, Form, Kind
from model.roster import Roster
from notifiers.wording.answers import NO_KEY
from notifiers.wording.sms_parts import GSM_SEPTETS, fits
from notifiers.wording.speech import KEY_WAIT_SECONDS, seconds

TEN_SECONDS = 10.0
WHOLE_CALL_SECONDS = 40.0
WORDS_A_MINUTE = "180"
SILENCE = 200  # of 32,768
each_message = pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
told = pytest.mark.parametrize(
    "message", [m for m in MESSAGES if m.kind is not Kind.COURTESY], ids=lambda message: message.name
)


@cache
def roster() -> Roster:
    return read_roster(DEMO_ROSTER).roster


def spoken(message: Message) -> str:
    return words(roster(), message, ChannelName.VOICE)[0].text


@each_message
@pytest.mark.parametrize("channel", ChannelName)
def test_every_message_has_words_on_every_channel(message: Message, channel: ChannelName) -> None:
    found = words(roster(), message, channel)
    assert all(part.text.strip() for part in found)
    assert len(found) == 1 or WAYS[channel].form is Form.TEXT


@told
def test_the_first_ten_seconds_say_what_to_do_by_when(message: Message) -> None:
    first = first_four(spoken(message))
    items = {
        "drill or not": r"^(DRILL|This is not a drill)\.",
        "who": r"MISO emergency demand response",
        "what": r"Reduce one two point five megawatts|take no action|Released, resume",
        "by when": r"(by|at|as of|since) [a-z ]+ Central, [a-z ]+ Eastern Standard",
    }
    assert [name for name, pattern in items.items() if not re.search(pattern, first)] == []
    if message.kind is Kind.ALERT:
        assert first.endswith("minutes left.")
    assert seconds(first) <= TEN_SECONDS


@each_message
def test_a_call_is_over_in_forty_seconds(message: Message) -> None:
    assert seconds(spoken(message)) <= WHOLE_CALL_SECONDS


@each_message
def test_the_first_text_stands_alone(message: Message) -> None:
    parts = words(roster(), message, ChannelName.SMS)
    first = parts[0].text
    assert all(fits(part.text) for part in parts), GSM_SEPTETS
    assert first.startswith(("DRILL MISO EDR", "MISO EDR"))
    if message.kind is Kind.ALERT:
        assert "12.5 MW" in first
        assert re.search(r"\d\d:\d\d CDT \(\d\d:\d\d EST\)", first)
        assert "Reply 1A=ACK 2A=CANNOT" in first


@told
@pytest.mark.service("espeak-ng")
def test_a_voice_takes_as_long_as_is_reckoned(message: Message) -> None:
    """Measured on what a synthesiser says, silence at the end left out."""
    script = spoken(message)
    assert synthesised(first_four(script)) <= TEN_SECONDS
    assert synthesised(script) == pytest.approx(seconds(script), rel=0.15)


@pytest.mark.service("espeak-ng")
@pytest.mark.parametrize("call_seconds", [90, 60, 40])
def test_a_call_nobody_answers_is_over_when_its_policy_says(call_seconds: int) -> None:
    """Measured: all that is said, and the waits for a key."""
    known, [order, *_] = roster(), MESSAGES
    policies = {name: replace(policy, call_seconds=call_seconds) for name, policy in known.policies.items()}
    (said,) = words(replace(known, policies=policies), order, ChannelName.VOICE)
    times = said.payload["times"]
    assert times == (2 if call_seconds == 90 else 1)
    whole = times * (synthesised(said.text) + KEY_WAIT_SECONDS) + synthesised(NO_KEY)
    assert whole <= call_seconds


def synthesised(text: str) -> float:
    """Seconds that espeak-ng speaks."""
    asked = ["espeak-ng", "-v", "en-us", "-s", WORDS_A_MINUTE, "--stdout", text]
    said = subprocess.run(asked, capture_output=True, check=True, timeout=30).stdout
    with wave.open(io.BytesIO(said)) as sound:
        samples = array.array("h", sound.readframes(len(said)))
        rate = sound.getframerate()
    return max(at for at, sample in enumerate(samples) if abs(sample) > SILENCE) / rate
