"""Reads the sources of the roster file: their formats, by what they are trusted, how much of them is taken."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from config import fields as f
from config.fields import Fields, Parse, Problems, Wrong
from config.yaml_tree import Node
from heartbeat import cron
from intake import jmes, mapping
from intake.read import FORMATS
from model.event import MessageType, Mode, Zone
from model.hole import CountedBy, Numbered
from model.reading import Named, Names
from model.roster import Counts, Heartbeat, Source
from model.trust import BY_KEY, NO_RATE, USUAL_RATE, Algorithm, Encoding, Proof, Rate, Trust
from model.upstream import EVERY_SECONDS, Callback, History
from routing import merging
from upstream import reach

T = TypeVar("T")

_DAY_SECONDS = 86_400
_seconds = f.whole(0, _DAY_SECONDS, "seconds")
_some_seconds = f.whole(1, _DAY_SECONDS, "seconds")

MOST_SECRETS = 2  # the one in use, and the one that replaces it
MOST_ADDRESSES = 100
MOST_A_SECOND, MOST_AT_ONCE = 100_000, 1_000_000
MOST_FIELDS = 8
MOST_WINDOW_SECONDS = 3600
_window = f.whole(0, MOST_WINDOW_SECONDS, "seconds")
_KINDS: Mapping[str, MessageType | Mode] = {str(kind): kind for kind in (*MessageType, *Mode)}
_PLAIN_HMAC = ("header", "algorithm", "encoding", "prefix")


class SourceReader:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def source(self, name: str, entry: Fields) -> Source:
        source = Source(
            id=name,
            name=entry.required("name", f.text, ""),
            format=entry.optional("format", f.one_of(FORMATS, "a format"), "canonical"),
            timezone=entry.optional("timezone", f.timezone, "UTC"),
            critical=entry.optional("critical", f.truth, False),
            heartbeat=entry.optional("heartbeat", self._heartbeat, Heartbeat()),
            also_confirm=entry.optional("also_confirm", f.text, ""),
            issuer_ack=entry.optional("issuer_ack", f.truth, False),
            names=Names(
                senders=entry.optional("senders", self._words(_stands_for), {}),
                programs=entry.optional("programs", self._words(_stands_for), {}),
                targets=entry.optional("targets", self._words(_zone), {}),
            ),
            trust=entry.optional("trust", self._nested(self._trust), BY_KEY),
            rate=entry.optional("rate", self._rate, None),
            mapping=entry.optional("mapping", self._nested(_mapping), {}),
            numbered=entry.optional("numbered", self._nested(_numbered), None),
            history=entry.optional("history", self._nested(_history), None),
            callback=entry.optional("callback", self._nested(_callback), None),
            group_by=entry.optional("group_by", _group_by, ()),
            group_window_seconds=entry.optional("group_window_seconds", _window, 0),
        )
        if (node := entry.given("group_window_seconds")) and source.group_window_seconds:
            self._check_group(node, source)
        if (node := entry.given("history")) and source.format != "miso-mui":
            self._problems.add(node, "only a source of format miso-mui has one that can be asked")
        if (node := entry.given("numbered")) and source.numbered:
            self._check_numbered(node, source, source.numbered.by)
        node = entry.given("mapping")
        if node and source.format != "mapping":
            self._problems.add(node, "only a source of format mapping has one")
        if not node and source.format == "mapping":
            self._problems.add(entry.node, 'expected "mapping": an expression for event_id, headline and whatever else')
        return source

    def _check_group(self, node: Node, source: Source) -> None:
        if not source.group_by:
            self._problems.add(node, 'needs "group_by": what near-identical events have in common')
        if source.issuer_ack:
            self._problems.add(node, "an issuer that waits for an answer to each event (issuer_ack) gets each told")

    def _check_numbered(self, node: Node, source: Source, by: CountedBy) -> None:
        own = source.format in ("canonical", "cloudevents")
        if by is CountedBy.MAPPING and "sequence" not in source.mapping:
            self._problems.add(node, 'by: mapping needs an expression "sequence" in the mapping')
        elif by is not CountedBy.MAPPING and not own:
            self._problems.add(node, f"messages of format {source.format} have no {by} with a number")

    def _nested(self, read: Callable[[Fields], T]) -> Parse[T]:
        """A parser for fields within a field."""

        def parse(node: Node) -> T:
            with Fields(node, self._problems) as entry:
                return read(entry)

        return parse

    def _words(self, read: Callable[[Fields], T]) -> Parse[Mapping[str, T]]:
        """A parser for a mapping of a format's own words, which may be any text."""
        parse = self._nested(read)

        def parse_words(node: Node) -> Mapping[str, T]:
            if node.value is not None and not isinstance(node.value, Mapping):
                raise Wrong(node, "entries of the shape name: fields")
            return {word: parse(entry) for word, entry in f.entries(node)}

        return parse_words

    def _heartbeat(self, node: Node) -> Heartbeat | None:
        if node.value == "none":
            return None
        if not isinstance(node.value, Mapping):
            raise Wrong(node, '"none", or period_seconds and grace_seconds, or cron, timezone and grace_seconds')
        with Fields(node, self._problems) as entry:
            counts, kinds = entry.optional("counts", _counts, (Counts.ANY, ()))
            if entry.given("cron") is not None:
                return Heartbeat(
                    counts=counts,
                    kinds=kinds,
                    cron=entry.required("cron", _cron, ""),
                    timezone=entry.optional("timezone", f.timezone, "UTC"),
                    grace_seconds=entry.optional("grace_seconds", _some_seconds, Heartbeat().grace_seconds),
                )
            return Heartbeat(
                counts=counts,
                kinds=kinds,
                period_seconds=entry.optional("period_seconds", _some_seconds, Heartbeat().period_seconds),
                grace_seconds=entry.optional("grace_seconds", _seconds, Heartbeat().grace_seconds),
            )

    def _rate(self, node: Node) -> Rate:
        if node.value == "none":
            return NO_RATE
        if not isinstance(node.value, Mapping):
            raise Wrong(node, '"none", or per_second and burst')
        with Fields(node, self._problems) as entry:
            return Rate(
                per_second=entry.optional("per_second", f.whole(1, MOST_A_SECOND), USUAL_RATE.per_second),
                burst=entry.optional("burst", f.whole(1, MOST_AT_ONCE), USUAL_RATE.burst),
            )

    def _trust(self, entry: Fields) -> Trust:
        trust = Trust(
            by=entry.optional("by", f.choice(Proof), BY_KEY.by),
            secrets=entry.optional("secrets", f.no_doubles(f.each(f.slug, MOST_SECRETS)), ()),
            header=entry.optional("header", _header, BY_KEY.header),
            algorithm=entry.optional("algorithm", f.choice(Algorithm), BY_KEY.algorithm),
            encoding=entry.optional("encoding", f.choice(Encoding), BY_KEY.encoding),
            prefix=entry.optional("prefix", _prefix, BY_KEY.prefix),
            addresses=entry.optional("addresses", f.no_doubles(f.each(_network, MOST_ADDRESSES)), ()),
        )
        if trust.signed and not entry.given("secrets"):
            self._problems.add(entry.node, f'{trust.by} needs "secrets": the names of one or two')
        if not trust.signed and (node := entry.given("secrets")):
            self._problems.add(node, "a source that is trusted by its key signs nothing")
        if trust.by is not Proof.HMAC:
            for node in filter(None, map(entry.given, _PLAIN_HMAC)):
                self._problems.add(node, "only a plain hmac has it")
        return trust


def _cron(node: Node) -> str:
    written = f.text(node)
    if (why := cron.problem(written)) is not None:
        raise Wrong(node, "a cron expression", f'"{written}": {why}')
    return " ".join(written.split())


def _stands_for(entry: Fields) -> Named:
    return Named(
        issuer=entry.optional("issuer", f.text, ""),
        program=entry.optional("program", f.text, ""),
        mode=entry.optional("mode", f.choice(Mode), Mode.ACTUAL),
    )


def _mapping(entry: Fields) -> Mapping[str, str]:
    """JMESPath by the fields of an event, in the order of the documentation."""
    needed = {name: entry.required(name, _expression, "") for name in mapping.REQUIRED}
    given = {name: entry.optional(name, _expression, None) for name in mapping.FIELDS if name not in needed}
    return needed | {name: expression for name, expression in given.items() if expression is not None}


def _numbered(entry: Fields) -> Numbered:
    return Numbered(
        by=entry.required("by", f.choice(CountedBy), CountedBy.FIELD),
        wait_seconds=entry.optional("wait_seconds", _seconds, Numbered(by=CountedBy.FIELD).wait_seconds),
    )


def _history(entry: Fields) -> History:
    return History(
        url=entry.required("url", _upstream_url, ""),
        participant=entry.required("participant", f.text, ""),
        every_seconds=entry.optional("every_seconds", f.whole(60, _DAY_SECONDS, "seconds"), EVERY_SECONDS),
    )


def _callback(entry: Fields) -> Callback:
    return Callback(url=entry.required("url", _upstream_url, ""), secret=entry.required("secret", f.slug, ""))


def _upstream_url(node: Node) -> str:
    url = f.text(node)
    if (why := reach.problem(url)) is not None:
        raise Wrong(node, "the URL of the source, by https", why)
    return url


def _expression(node: Node) -> str:
    if not isinstance(node.value, str):
        raise Wrong(node, "a JMESPath expression")
    try:
        jmes.compiled(node.value)
    except ValueError as error:
        raise Wrong(node, f"a JMESPath expression ({error})") from None
    return node.value


def _zone(entry: Fields) -> Zone:
    return Zone(scheme=entry.required("scheme", f.text, ""), code=entry.required("code", f.text, ""))


def _header(node: Node) -> str:
    """Lower-cased, as the names of headers come in."""
    if not isinstance(node.value, str) or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", node.value):
        raise Wrong(node, "the name of a header such as X-Hub-Signature-256")
    return node.value.lower()


def _prefix(node: Node) -> str:
    """What stands before the signature; "none" for nothing."""
    if not isinstance(node.value, str) or not re.fullmatch(r"[!-~]{1,32}", node.value):
        raise Wrong(node, "what stands before the signature, such as sha256=, or none")
    return "" if node.value == "none" else node.value


def _network(node: Node) -> str:
    try:
        return str(ipaddress.ip_network(f.text(node)))
    except ValueError:
        raise Wrong(node, "an address, or a network such as 192.0.2.0/24 whose last bits are 0") from None


def _counts(node: Node) -> tuple[Counts, tuple[MessageType | Mode, ...]]:
    """A word, or a list of kinds of events."""
    if isinstance(node.value, list):
        named = f.each(f.one_of(_KINDS, "a kind of event"))(node)
        return Counts.KINDS, tuple(dict.fromkeys(_KINDS[name] for name in named))
    return Counts(f.one_of((Counts.ANY, Counts.HEARTBEATS), "a list of kinds, or one of")(node)), ()


def _group_field(node: Node) -> str:
    name = f.text(node)
    if name in merging.FIELDS or merging.OF_ITS_FORMAT.fullmatch(name):
        return name
    raise Wrong(node, f"one of {', '.join(merging.FIELDS)}, or extra.NAME of what its format gives besides")


_group_by = f.no_doubles(f.each(_group_field, MOST_FIELDS))
