"""What is different between two rosters: entry by entry, in words and as data without numbers or secrets. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import takewhile, zip_longest
from typing import Any

import yaml

from app.masking import masked
from config.roster_writer import document
from config.written import Data
from model.plan import WAYS, ChannelName
from model.roster import Roster
from model.rota import Absence, Override
from store.codec import canonical
from store.rosters import KeyRow

ID_CHARS = 12  # of the hash that names an entry which has no name of its own
_SHOWN_CHARS = 60
_SAME_CHARS = 20  # of what two long values have in common, before where they part
_NUMBERS = {
    "phone": ChannelName.VOICE,
    "other_phone": ChannelName.VOICE,
    "sms": ChannelName.SMS,
    "routing_key": ChannelName.PAGERDUTY,
} | {way.address.field: channel for channel, way in WAYS.items() if way.address and way.secret}

# How people call one entry of a section.
NOUNS = {
    "people": "person",
    "teams": "team",
    "rotations": "rotation",
    "overrides": "override",
    "absences": "absence",
    "policies": "policy",
    "routes": "route",
    "resources": "resource",
    "sources": "source",
    "keys": "key",
}


class Kind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An entry that is not the same. `what`: such as `people/ana`. `before` or `after` None: it is not there."""

    what: str
    before: Any
    after: Any

    @property
    def kind(self) -> Kind:
        if self.before is None:
            return Kind.ADDED
        return Kind.REMOVED if self.after is None else Kind.CHANGED

    def shown(self) -> Data:
        """`{"what", "change", "text", "before", "after"}`, numbers and secrets masked."""
        return {
            "what": self.what,
            "change": str(self.kind),
            "text": self.text(),
            "before": without_secrets(self.before),
            "after": without_secrets(self.after),
        }

    def text(self) -> str:
        """ "change person ana: timezone America/Chicago -> Europe/London"."""
        section, _, name = self.what.partition("/")
        called = f"{NOUNS[section]} {name}" if section in NOUNS else section
        match self.kind:
            case Kind.ADDED:
                return f"add {called}{_summary(self.after)}"
            case Kind.REMOVED:
                return f"remove {called}{_summary(self.before)}"
        return f"change {called}: {', '.join(_fields(self.before, self.after, ''))}"


def differences(before: Roster, after: Roster) -> tuple[Difference, ...]:
    """In the order of the sections; within one what was there before comes first."""
    old, new = document(before), document(after)
    sections = [name for name in (*NOUNS, "admin_channel") if old.get(name) != new.get(name)]
    return tuple(found for name in sections for found in _of_section(name, old.get(name), new.get(name)))


def key_differences(before: Iterable[KeyRow], after: Iterable[KeyRow]) -> tuple[Difference, ...]:
    """Of keys the beginning of their hash is told: enough to see that the secret is another one."""
    old, new = ({row.id: _key(row) for row in rows} for rows in (before, after))
    return tuple(_by_name("keys", old, new))


def entries(section: str, written: Any) -> dict[str, Any]:
    """The entries of a section of the file by their ids; overrides and absences are named by what they say."""
    match written:
        case None:
            return {}
        case dict():
            return written
    found: dict[str, Any] = {}
    for entry in written:
        name = entry_id(section, entry)
        while name in found:
            name += "+"  # the same once more
        found[name] = entry
    return found


def entry_id(section: str, entry: Data) -> str:
    if section == "routes":
        return str(entry["id"])
    if section == "resources":
        return f"{entry['scheme']}/{entry['code']}"
    return fingerprint(entry | {field: _utc(entry[field]) for field in ("from", "to")})


def override_id(override: Override) -> str:
    """The id of one that is in force; of several that say the same, the first one's."""
    told = {"rotation": override.rotation, "action": str(override.action), "person": override.person}
    told |= {"replaces": override.replaces} if override.replaces else {}
    return fingerprint(told | {"from": override.start.isoformat(), "to": override.end.isoformat()})


def absence_id(absence: Absence) -> str:
    told = {"person": absence.person, "from": absence.start.isoformat(), "to": absence.end.isoformat()}
    return fingerprint(told)


def _utc(written: str) -> str:
    """An id says which instant is meant, not by which clock it is written."""
    return datetime.fromisoformat(written).astimezone(UTC).isoformat()


def fingerprint(entry: Any) -> str:
    """Of what an entry says, in hexadecimal digits."""
    return hashlib.sha256(canonical(entry).encode()).hexdigest()[:ID_CHARS]


def without_secrets(data: Any, name: str = "") -> Any:
    match data:
        case dict():
            return {field: without_secrets(value, field) for field, value in data.items()}
        case list():
            return [without_secrets(item) for item in data]
        case str() if name in _NUMBERS:
            return masked(_NUMBERS[name], data)
    return data


def _of_section(section: str, old: Any, new: Any) -> Iterator[Difference]:
    if section == "admin_channel":
        yield Difference(what=section, before=old, after=new)
        return
    one, other = entries(section, old), entries(section, new)
    yield from _by_name(section, one, other)
    if section in ("routes", "overrides"):
        yield from _order(section, [n for n in one if n in other], [n for n in other if n in one])


def _by_name(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield Difference(what=f"{section}/{name}", before=old.get(name), after=new.get(name))


def _order(section: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Difference]:
    """Routes are tried, and overrides apply, one after the other."""
    if list(old) != list(new):
        yield Difference(what=f"order of {section}", before=list(old), after=list(new))


def _key(row: KeyRow) -> Data:
    told = {
        "role": row.role,
        "source": row.source,
        "person": row.person,
        "secret": f"sha256 {row.sha256[:8]}…",
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "former_until": row.former_until.isoformat() if row.former_until else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _fields(old: Any, new: Any, path: str) -> Iterator[str]:
    """The fields that differ, each as `path before -> after`."""
    match old, new:
        case dict(), dict():
            for name in [*old, *(n for n in new if n not in old)]:
                if old.get(name) != new.get(name):
                    yield from _fields(old.get(name), new.get(name), f"{path}.{name}" if path else name)
        case list(), list() if any(isinstance(item, dict) for item in (*old, *new)):
            yield from _items(old, new, path)
        case _:
            name = path.rpartition(".")[2]
            one, other = _short(_said(without_secrets(old, name)), _said(without_secrets(new, name)))
            yield f"{path} {one} -> {other}".lstrip()


def _items(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[str]:
    """Place by place. Where there are more or fewer now, those at the end that stayed keep their neighbours."""
    begin = _alike(zip(old, new, strict=False))
    end = _alike(zip(reversed(old[begin:]), reversed(new[begin:]), strict=False)) if len(old) != len(new) else 0
    pairs = zip_longest(old[begin : len(old) - end], new[begin : len(new) - end])
    for n, (one, other) in enumerate(pairs, start=begin):
        if one != other:
            yield from _fields(one, other, f"{path}[{n}]")


def _alike(pairs: Iterable[tuple[Any, Any]]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _summary(entry: Any) -> str:
    """What tells an entry from its neighbours, in brackets."""
    if not isinstance(entry, dict):
        return f" {entry}"
    if "name" in entry:
        return f" ({entry['name']})"
    told = [str(entry[f]) for f in ("rotation", "action", "person", "replaces", "from", "to", "role") if f in entry]
    return f" ({' '.join(told)})" if told else ""


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return value
    dumped = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return dumped.removesuffix("...\n").strip()


def _short(one: str, other: str) -> tuple[str, str]:
    """Both cut so that one sees where they part."""
    same = _alike(zip(one, other, strict=False))
    longest = max(len(one), len(other))
    begin = same - _SAME_CHARS if longest > _SHOWN_CHARS and same > _SHOWN_CHARS - _SAME_CHARS else 0
    return _cut(one, begin), _cut(other, begin)


def _cut(text: str, begin: int) -> str:
    shown = text[begin : begin + _SHOWN_CHARS]
    return f"{'…' if begin else ''}{shown}{'…' if begin + _SHOWN_CHARS < len(text) else ''}"
