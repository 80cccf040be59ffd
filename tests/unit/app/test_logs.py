"""What is logged of an error: where it happened, and nobody's number."""

import errno
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from app import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_traceback_shows_no_numbers(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither those in the variables around the error nor those in its text; the line that failed is there."""
    logs.configure("info", style)
    log, people = structlog.get_logger("test"), {"ana": "+13125550101"}
    try:
        raise ArithmeticError(f"cannot call {people['ana']}")
    except ArithmeticError:
        log.exception("failed", number=people["ana"])
    said = capsys.readouterr().err
    assert "3125550101" not in said
    assert "ArithmeticError: cannot call +1" in said
    assert "in test_a_traceback_shows_no_numbers" in said


def test_what_cannot_be_written_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk, or a pipe whose reader has gone. The next line that can be written says how many were lost."""
    logs.configure("info", "json")
    log = structlog.get_logger("test")
    writes, full = sys.stderr.write, True

    def write(text: str) -> int:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return writes(text)

    monkeypatch.setattr(sys.stderr, "write", write)
    log.warning("one")
    log.error("two")
    full = False
    log.info("three")
    log.info("four")
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "2 lines before this one could not be written"
    assert [json.loads(line)["event"] for line in (second, third)] == ["three", "four"]
