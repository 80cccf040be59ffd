"""The address of a PostgreSQL server, read once: for asyncpg, for PostgreSQL's own programs and for people.

It is a URI as libpq and SQLAlchemy write it, with several servers as either does: @a:5432,b:5433/NAME,
/NAME?host=a:5432&host=b:5433 or /NAME?host=a,b&port=5432,5433.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

PORT = 5432
PARAMETERS = ("host", "port", "user", "password", "passfile", "sslmode", "ssl", "sslrootcert", "target_session_attrs")
TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
VERIFYING = ("require", "verify-ca", "verify-full")  # with a root certificate; without, "require" believes any server
TARGETS = ("primary", "read-write")  # both are servers that write; what we keep is of no use on a standby

# No @ behind the hosts: what stands before it would be a part of the password that is taken for something else.
_SHAPE = re.compile(
    r"postgres(?:ql)?(?:\+asyncpg)?://(?:(?P<who>[^\s/?#]*)@)?(?P<hosts>[^\s/?#@]*)"
    r"/(?P<name>[^\s/?#@]+)(?:\?(?P<query>[^\s#@]*))?"
)
_EXPECTED = (
    "expected postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE; "
    "in a name or password @ is written %40, / %2F, ? %3F, # %23 and % %25"
)
_HOST = re.compile(r"(?P<host>/[^:]*|\[[^\[\]]+\]|[^:/\[\]]+)(?::(?P<port>[0-9]*))?")
_WORD = re.compile(r"[A-Za-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Address:
    """`hosts` are tried in their order, each by its port. Without any the server is on this machine."""

    name: str
    hosts: tuple[str, ...] = ()  # a name, an IP address without brackets, or the folder of a socket
    ports: tuple[int, ...] = ()  # one for each host; without hosts none or one
    user: str = ""
    password: str = field(default="", repr=False)
    passfile: str = ""
    tls: str = ""  # one of TLS_MODES; "": what the environment says, else "prefer"
    root_certificate: str = ""
    target: str = TARGETS[0]

    def __str__(self) -> str:
        """For people: without the password."""
        who = f"{quote(self.user)}{':***' if self.password else ''}@" if self.user else ""
        servers = (_told(host, port) for host, port in zip(self.hosts, self.ports, strict=False))
        return f"postgresql://{who}{','.join(servers)}/{quote(self.name)}"

    def for_asyncpg(self) -> dict[str, Any]:
        """Arguments of its `connect`."""
        # It takes a root certificate from an address only; an argument counts more than what an address leaves out.
        dsn = f"postgresql://?{urlencode({'sslrootcert': self.root_certificate})}" if self.root_certificate else None
        given = {
            "dsn": dsn,
            "host": list(self.hosts),
            "port": list(self.ports),
            "user": self.user,
            "password": self.password,
            "passfile": self.passfile,
            "database": self.name,
            "ssl": self.tls,
            "target_session_attrs": self.target,
        }
        return {name: value for name, value in given.items() if value}

    def for_libpq(self) -> dict[str, str]:
        """The environment of PostgreSQL's own programs: arguments, every user of the machine can read."""
        given = {
            "PGHOST": ",".join(self.hosts),
            "PGPORT": ",".join(map(str, self.ports)),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGPASSFILE": self.passfile,
            "PGDATABASE": self.name,
            "PGSSLMODE": self.tls,
            "PGSSLROOTCERT": self.root_certificate,
            "PGTARGETSESSIONATTRS": self.target,
        }
        return {name: value for name, value in given.items() if value}


def read(url: str) -> Address:
    """Raises ValueError with a sentence that names the parameter and what is allowed, and quotes no value."""
    found = _SHAPE.fullmatch(url)
    if found is None or "%00" in url:
        raise ValueError(_EXPECTED)
    query = _parameters(found["query"] or "")
    user, _, password = (found["who"] or "").partition(":")
    hosts, ports = _servers([unquote(one) for one in found["hosts"].split(",")] if found["hosts"] else [], query)
    address = Address(
        name=unquote(found["name"]),
        hosts=hosts,
        ports=ports,
        user=_once("user", unquote(user), *query["user"]),
        password=_once("password", unquote(password), *query["password"]),
        passfile=_once("passfile", *query["passfile"]),
        tls=_one_of(TLS_MODES, "sslmode", _once("sslmode (or ssl)", *query["sslmode"], *query["ssl"])),
        root_certificate=_once("sslrootcert", *query["sslrootcert"]),
        target=_one_of(TARGETS, "target_session_attrs", _once("target_session_attrs", *query["target_session_attrs"]))
        or TARGETS[0],
    )
    if address.root_certificate and address.tls not in VERIFYING:
        raise ValueError(f"sslrootcert is looked at only with sslmode={_or(VERIFYING)}: give one of them with it")
    return address


def _parameters(query: str) -> Mapping[str, list[str]]:
    """What was given of each. An empty one is as good as none, as an empty setting is."""
    found: dict[str, list[str]] = {name: [] for name in PARAMETERS}
    unknown = set()
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in found:
            unknown.add(name if _WORD.fullmatch(name) else "one that is no word")
        elif value:
            found[name].append(value)
    if unknown:
        raise ValueError(f"unknown parameter {', '.join(sorted(unknown))}; allowed are {', '.join(PARAMETERS)}")
    return found


def _servers(written: list[str], query: Mapping[str, list[str]]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The hosts, and the port of each."""
    if written and query["host"]:
        raise ValueError("hosts stand before the name and in the parameter host: give them in one place")
    pairs = [_host(one) for one in written or _each(query["host"])]
    ports = [_port(one) for one in _each(query["port"])]
    if ports and any(port for _, port in pairs):
        raise ValueError("ports stand beside the hosts and in the parameter port: give them in one place")
    hosts = tuple(host for host, _ in pairs if host)
    if len(hosts) < len(pairs):  # :5433 alone, the port of a server on this machine
        if len(pairs) > 1:
            raise ValueError("expected a host on both sides of each comma (host)")
        return (), tuple(port or PORT for _, port in pairs)
    if len(ports) > 1 and len(ports) != len(hosts):
        raise ValueError(f"{len(ports)} ports for {len(hosts)} hosts: give one port (port) for all, or one for each")
    if ports:
        return hosts, tuple(ports * len(hosts) if len(ports) < len(hosts) else ports)
    return hosts, tuple(port or PORT for _, port in pairs)


def _each(values: Iterable[str]) -> list[str]:
    return [one for value in values for one in value.split(",")]


def _host(text: str) -> tuple[str, int | None]:
    if _is_ip(text):
        return text, None
    if text.startswith(":"):
        return "", _port(text[1:])
    found = _HOST.fullmatch(text)
    if found is None:
        raise ValueError("expected hosts (host) such as db.example:5432, [::1]:5432 or /var/run/postgresql")
    return found["host"].strip("[]"), _port(found["port"]) if found["port"] else None


def _is_ip(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError("expected ports (port) from 1 to 65535")
    return int(text)


def _once(name: str, *values: str) -> str:
    given = [value for value in values if value]
    if len(given) > 1:
        raise ValueError(f"{name} is given {len(given)} times: give it once")
    return given[0] if given else ""


def _one_of(allowed: Collection[str], name: str, value: str) -> str:
    if value and value not in allowed:
        raise ValueError(f"{name} is none of those allowed: {', '.join(allowed)}")
    return value


def _or(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _told(host: str, port: int) -> str:
    written = f"[{host}]" if ":" in host else quote(host, safe="")
    return written if port == PORT else f"{written}:{port}"
