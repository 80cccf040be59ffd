"""The sources of a roster as the data its file would hold: what `config/source_reader.py` reads, written back."""

from typing import Any

from config.written import Data, given, unless
from model.event import Mode
from model.hole import Numbered
from model.reading import Named
from model.roster import Counts, Heartbeat, Source
from model.trust import BY_KEY, NO_RATE, Rate, Trust
from model.upstream import EVERY_SECONDS, History


def source(source: Source) -> Data:
    return given(
        {
            "name": source.name,
            "format": unless(source.format, "canonical"),
            "timezone": unless(source.timezone, "UTC"),
            "critical": source.critical or None,
            "heartbeat": _heartbeat(source.heartbeat) if source.heartbeat != Heartbeat() else None,
            "also_confirm": source.also_confirm,
            "issuer_ack": source.issuer_ack or None,
            "senders": {word: _stands_for(named) for word, named in source.names.senders.items()},
            "programs": {word: _stands_for(named) for word, named in source.names.programs.items()},
            "targets": {word: {"scheme": z.scheme, "code": z.code} for word, z in source.names.targets.items()},
            "trust": _trust(source.trust),
            "rate": _rate(source.rate) if source.rate else None,
            "mapping": dict(source.mapping),
            "history": _history(source.history) if source.history else None,
            "callback": {"url": source.callback.url, "secret": source.callback.secret} if source.callback else None,
            "group_by": list(source.group_by),
            "group_window_seconds": source.group_window_seconds or None,
            "numbered": _numbered(source.numbered) if source.numbered else None,
        }
    )


def _stands_for(named: Named) -> Data:
    return given({"issuer": named.issuer, "program": named.program, "mode": unless(named.mode, Mode.ACTUAL)})


def _heartbeat(heartbeat: Heartbeat | None) -> Data | str:
    if heartbeat is None:
        return "none"
    expected: dict[str, Any] = {"period_seconds": heartbeat.period_seconds}
    if heartbeat.cron:
        expected = {"cron": heartbeat.cron, "timezone": heartbeat.timezone}
    said = list(map(str, heartbeat.kinds)) if heartbeat.counts is Counts.KINDS else str(heartbeat.counts)
    counts = {} if heartbeat.counts is Counts.ANY else {"counts": said}
    return expected | {"grace_seconds": heartbeat.grace_seconds} | counts


def _trust(trust: Trust) -> Data:
    return given(
        {
            "by": unless(trust.by, BY_KEY.by),
            "secrets": list(trust.secrets),
            "header": unless(trust.header, BY_KEY.header),
            "algorithm": unless(trust.algorithm, BY_KEY.algorithm),
            "encoding": unless(trust.encoding, BY_KEY.encoding),
            "prefix": unless(trust.prefix or "none", BY_KEY.prefix),
            "addresses": list(trust.addresses),
        }
    )


def _numbered(numbered: Numbered) -> Data:
    usual = Numbered(by=numbered.by).wait_seconds
    seconds = {} if numbered.wait_seconds == usual else {"wait_seconds": numbered.wait_seconds}
    return {"by": str(numbered.by)} | seconds


def _history(history: History) -> Data:
    every = {} if history.every_seconds == EVERY_SECONDS else {"every_seconds": history.every_seconds}
    return {"url": history.url, "participant": history.participant} | every


def _rate(rate: Rate) -> Data | str:
    return "none" if rate == NO_RATE else {"per_second": rate.per_second, "burst": rate.burst}
