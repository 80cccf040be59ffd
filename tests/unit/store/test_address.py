"""One address, read the same for asyncpg, for PostgreSQL's own programs and for people, who never see the password."""

import re
import ssl
from typing import Any

import asyncpg
import certifi
import pytest
from asyncpg import connect_utils

from store.address import Address, read

AB = (("a", "b"), (5432, 5433))
ENVIRONMENT = ("HOST", "PORT", "USER", "PASSWORD", "SSLMODE", "SSLROOTCERT", "TARGETSESSIONATTRS")


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(f"PG{name}", raising=False)


async def tried(address: Address, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], Any]:
    """Where asyncpg connects when nobody answers, and what it would do there."""
    seen: list[Any] = []

    async def refuse(*, addr: Any, params: Any, **_: Any) -> None:
        seen.append((addr, params))
        raise ConnectionRefusedError

    monkeypatch.setattr(connect_utils, "_connect_addr", refuse)
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(**address.for_asyncpg())
    return [addr for addr, _ in seen], seen[0][1]


@pytest.mark.parametrize(
    ("written", "hosts", "ports"),
    [
        ("@a/d", ("a",), (5432,)),
        ("@a:5433/d", ("a",), (5433,)),
        ("@a/d?port=5433", ("a",), (5433,)),
        ("@a,b:5433/d", *AB),
        ("@a:5432,b:5433/d", *AB),
        ("@/d?host=a:5432&host=b:5433", *AB),
        ("@/d?host=a&host=b:5433", *AB),
        ("@/d?host=a:5432,b:5433", *AB),
        ("@/d?host=a,b&port=5432,5433", *AB),
        ("@/d?host=a&host=b&port=5432&port=5433", *AB),
        ("@/d?host=a&host=b", ("a", "b"), (5432, 5432)),
        ("@/d?host=a&host=b&port=5433", ("a", "b"), (5433, 5433)),
        ("@[::1]:5433,[fe80::1%25eth0]/d", ("::1", "fe80::1%eth0"), (5433, 5432)),
        ("@/d?host=::1", ("::1",), (5432,)),
    ],
)
async def test_hosts_however_they_are_written(
    written: str, hosts: tuple[str, ...], ports: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = read(f"postgresql+asyncpg://u:p{written}")
    assert (address.hosts, address.ports) == (hosts, ports)
    assert address.for_libpq() == {
        "PGHOST": ",".join(hosts),
        "PGPORT": ",".join(map(str, ports)),
        "PGUSER": "u",
        "PGPASSWORD": "p",
        "PGDATABASE": "d",
        "PGTARGETSESSIONATTRS": "primary",
    }
    addresses, params = await tried(address, monkeypatch)
    assert addresses == list(zip(hosts, ports, strict=True))
    assert (params.user, params.password, params.database, params.target_session_attrs) == ("u", "p", "d", "primary")


@pytest.mark.parametrize(
    ("written", "port", "socket"),
    [
        ("/d?host=/var/run", "5432", "/var/run/.s.PGSQL.5432"),
        ("%2Fvar%2Frun:5433/d", "5433", "/var/run/.s.PGSQL.5433"),
        ("/d", None, "/run/postgresql/.s.PGSQL.5432"),
        (":5433/d", "5433", "/run/postgresql/.s.PGSQL.5433"),
        ("/d?port=5433", "5433", "/run/postgresql/.s.PGSQL.5433"),
    ],
)
async def test_a_server_on_this_machine(
    written: str, port: str | None, socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = read(f"postgres://{written}")
    assert address.for_libpq().get("PGPORT") == port
    assert (await tried(address, monkeypatch))[0][0] == socket


@pytest.mark.parametrize("name", ["ssl", "sslmode"])
@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
async def test_tls_by_either_name(name: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = read(f"postgresql://h/d?{name}={mode}")
    assert address.for_libpq()["PGSSLMODE"] == mode
    assert (await tried(address, monkeypatch))[1].sslmode.name == mode


@pytest.mark.parametrize(("mode", "name_checked"), [("require", False), ("verify-ca", False), ("verify-full", True)])
async def test_the_server_shows_a_certificate_of_this_root(
    mode: str, name_checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = read(f"postgresql://u@a,b/d?sslmode={mode}&sslrootcert={certifi.where()}")
    assert address.for_libpq()["PGSSLROOTCERT"] == certifi.where()
    addresses, params = await tried(address, monkeypatch)
    assert addresses == [("a", 5432), ("b", 5432)]
    assert (params.ssl.verify_mode, params.ssl.check_hostname) == (ssl.CERT_REQUIRED, name_checked)
    assert params.ssl.get_ca_certs()


async def test_who_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the hosts or as parameters; what is written %40 there is an @."""
    for written in ("us%2Fer:h%40us:h%25@h/d%20b?", "h/d%20b?user=us/er&password=h%40us:h%25"):
        address = read(f"postgresql://{written}&target_session_attrs=read-write")
        _, params = await tried(address, monkeypatch)
        assert (params.user, params.password, params.database) == ("us/er", "h@us:h%", "d b")
        assert params.target_session_attrs == address.for_libpq()["PGTARGETSESSIONATTRS"] == "read-write"
    assert read("postgresql://h/d?passfile=/etc/pgpass").for_libpq()["PGPASSFILE"] == "/etc/pgpass"
    assert read("postgresql://h/d?passfile=/etc/pgpass").for_asyncpg()["passfile"] == "/etc/pgpass"


def test_an_empty_parameter_is_as_good_as_none() -> None:
    assert read("postgresql://h/d?sslmode=&host=&sslrootcert=") == read("postgresql://h/d")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgres://u:hush@h:5432/d?sslmode=require", "postgresql://u:***@h/d"),
        ("postgresql://u@/d?password=hush&host=a&host=b:5433", "postgresql://u:***@a,b:5433/d"),
        ("postgresql://[::1]:5433/d", "postgresql://[::1]:5433/d"),
        ("postgresql:///d?host=/var/run", "postgresql://%2Fvar%2Frun/d"),
        ("postgresql:///d", "postgresql:///d"),
    ],
)
def test_for_people(url: str, told: str) -> None:
    address = read(url)
    assert str(address) == told
    assert "hush" not in repr(address)
    assert str(read(told)) == told


ALLOWED = "allowed are host, port, user, password, passfile, sslmode, ssl, sslrootcert, target_session_attrs"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("h/d?sslmod=hush", f"unknown parameter sslmod; {ALLOWED}"),
        ("h/d?timeout=1&sslcert=hush&timeout=2", "unknown parameter sslcert, timeout; allowed are host,"),
        ("h/d?hush%40=1", "unknown parameter one that is no word; allowed are"),
        ("h/d?sslmode=hush", "sslmode is none of those allowed: disable, allow, prefer, require, verify-ca, verify-"),
        ("h/d?sslmode=require&ssl=require", "sslmode (or ssl) is given 2 times"),
        ("h/d?sslrootcert=/hush", "sslrootcert is looked at only with sslmode=require, verify-ca or verify-full"),
        ("h/d?sslrootcert=/hush&sslmode=prefer", "sslrootcert is looked at only with sslmode="),
        ("h/d?target_session_attrs=standby", "target_session_attrs is none of those allowed: primary, read-write"),
        ("u@h/d?user=v", "user is given 2 times"),
        ("u:hush@h/d?password=hush", "password is given 2 times"),
        ("a/d?host=b", "hosts stand before the name and in the parameter host"),
        ("a:5432/d?port=5432", "ports stand beside the hosts and in the parameter port"),
        ("/d?host=a:1&host=b&port=2", "ports stand beside the hosts and in the parameter port"),
        ("/d?host=a,b&port=1,2,3", "3 ports for 2 hosts"),
        ("a,b,c/d?port=1,2", "2 ports for 3 hosts"),
        ("/d?port=1,2", "2 ports for 0 hosts"),
        ("a,/d", "expected hosts (host) such as"),
        ("a,:5433/d", "expected a host on both sides of each comma"),
        ("a:0/d", "expected ports (port) from 1 to 65535"),
        ("a/d?port=hush", "expected ports (port) from 1 to 65535"),
        ("u:hush/d", "expected hosts (host) such as"),
        ("u:p:hush/d", "expected hosts (host) such as"),
        # A character of the password that ends it too early.
        ("u:p/hush@h/d", "expected postgresql://USER"),
        ("u:1/hush@h", "expected postgresql://USER"),
        ("u:p@x/y?hush=w@h/d", "expected postgresql://USER"),
        ("u:p#hush@h/d", "expected postgresql://USER"),
        ("u:hush%00@h/d", "expected postgresql://USER"),
    ],
)
def test_refused_without_a_word_of_the_password(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}") as refused:
        read(f"postgresql://{url}")
    assert "hush" not in str(refused.value)
