"""The examples read without a warning, agree with the published schema, and the bad one says what is wrong with it."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from intake.examples import KINDS, example
from intake.schema import canonical_schema
from intake.statement import Statement
from model.event import MessageType, Mode

NOW = datetime(2026, 7, 14, 18, 0, 0, 123456, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
SCHEMA = Draft202012Validator(canonical_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"bad"}))
@pytest.mark.parametrize("speed", ["normal", "fast"])
def test_good_examples(post, kind, speed):
    event = example(kind, NOW, "E-1", speed=speed)
    reading = post(event)
    assert (reading.event_id, reading.warnings) == ("E-1", ())
    assert (reading.content.ack_due_at is None) == (speed == "fast")
    assert not list(SCHEMA.iter_errors(event))


def test_what_the_examples_say(post):
    edr, update, drill = (post(example(kind, NOW, "E")).content for kind in ("edr", "update", "drill"))
    assert edr.effective_at == NOW.replace(microsecond=0) + timedelta(minutes=30)
    assert edr.headline == "MISO EDR: cut 12.5 MW by 13:30 EST, zone 4"
    assert update.ends_at == edr.ends_at + timedelta(hours=1)
    assert drill.mode is Mode.DRILL
    assert post(example("terminate", NOW, "E", revision=3)).revision == 3
    assert post(example("cancel", NOW, "E")).content.message_type is MessageType.CANCEL


def test_the_bad_example(post):
    problems = post(example("bad", NOW, "E")).problems
    assert {problem.field for problem in problems} == {"headline", "effective_at"}
    text = (ROOT / "docs/sending.md").read_text()
    assert "headline: expected a value, it is required, found nothing" in map(str, problems)
    assert all(str(problem).partition(", found")[0] in text for problem in problems)
    assert list(SCHEMA.iter_errors(example("bad", NOW, "E")))


def test_the_schema_is_one_and_asks_for_two_fields():
    schema = canonical_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["event_id", "headline"]
    assert schema["properties"]["mode"]["anyOf"][0]["enum"] == ["actual", "drill", "test"]


@pytest.mark.parametrize("path", sorted((ROOT / "tests/data/samples").glob("miso_edr_*.json")), ids=lambda p: p.stem)
def test_samples_agree_with_the_schema(path):
    assert not list(SCHEMA.iter_errors(json.loads(path.read_text())["data"]))


def test_sending_describes_every_field(post):
    """docs/sending.md has a row for each field, and its JSON is readable without a warning."""
    text = (ROOT / "docs/sending.md").read_text()
    for name in Statement.model_fields:
        assert f"| `{name}` |" in text
    blocks = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        assert post(json.loads(block)).warnings == ()
