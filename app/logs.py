"""Structured logs: one line per unit of work, phone numbers and secrets masked."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_SECRET = re.compile(r"\b(gc[kcp]_)[\w-]+")  # keys and links made by app/security.py
_PAGE = re.compile(r"/e/[\w-]{30,}")  # addresses made by app/page_links.py
_NUMBER = re.compile(r"\+\d{6,15}")


def masked(text: str) -> str:
    """Phone numbers with all but their last two digits hidden, secrets with all of them."""
    text = without_pages(_SECRET.sub(r"\1…", text))
    return _NUMBER.sub(lambda m: f"{m[0][:2]}…{m[0][-2:]}", text)


def without_pages(text: str) -> str:
    """Who reads what was texted to somebody must not be able to answer as them."""
    return _PAGE.sub("/e/…", text)


def _mask(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in line.items():
        if isinstance(value, str):
            line[key] = masked(value)
    return line


class Lines:
    """A file as structlog's logger, which writes a line a call.

    A full disk, or a reader that has gone, must not end what was being done: such lines are counted, and how many there
    were is said with the next one that can be written.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lost = 0

    def msg(self, line: str) -> None:
        lost = f"{self._lost} lines before this one could not be written\n" if self._lost else ""
        try:
            self._file.write(f"{lost}{line}\n")
            self._file.flush()
        except (OSError, ValueError):  # the second: it was closed
            self._lost += 1
        else:
            self._lost = 0

    debug = info = warning = error = critical = exception = msg


def configure(level: str, style: str) -> None:
    """Lines go to standard error, for people (console) or for machines (json).

    Tracebacks are plain and masked: with the values of variables they would take seconds and tell everybody's number.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, _mask, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: Lines(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _mask,
                renderer,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # They tell of a lost connection with a traceback, and of each try again; broker/link.py says it in a line.
    for name in ("aio_pika", "aiormq"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
