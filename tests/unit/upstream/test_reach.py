"""A URL in the roster leads to the hosts that were named, over TLS, at public addresses, and nowhere else."""

from ipaddress import ip_network

import pytest

from upstream.reach import Allowed, problem

PUBLIC = Allowed(hosts={"mui.example.com"})
INSIDE = Allowed(hosts={"mui.example.com", "10.1.2.3"}, networks=(ip_network("10.1.0.0/16"), ip_network("fd00::/8")))


@pytest.mark.parametrize(
    "url",
    [
        "http://mui.example.com/",
        "ftp://mui.example.com/",
        "file:///etc/passwd",
        "https://",
        "https://user:word@mui.example.com/",
        "https://mui.example.com@evil.example/",
        "https://mui.example.com/#x",
        "https://mui.example.com:99999/",
        "https://mui.example.com:0/",
        "https://[::1",
        "https://mui.example.com/a b",
        "https://mui.exämple.com/",
        "http://127.0.0.1.evil.example/",
        "//mui.example.com/",
        "",
    ],
)
def test_what_is_no_address_of_a_source(url: str) -> None:
    assert problem(url)
    assert PUBLIC.refuses(url)


@pytest.mark.parametrize("url", ["https://mui.example.com/dart2", "http://127.0.0.1:8099/x?y=z", "http://[::1]:1/"])
def test_what_is_one(url: str) -> None:
    assert problem(url) is None


def test_only_hosts_that_are_named() -> None:
    assert PUBLIC.refuses("https://MUI.example.com:8443/dart2") is None
    for url in ("https://example.com/", "https://mui.example.com.evil.example/", "https://127.0.0.1/"):
        assert "GRIDCALL_UPSTREAM_HOSTS" in (PUBLIC.refuses(url) or "")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.1.2.3",
        "64:ff9b::a01:203",
        "2002:a01:203::1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert "no public address" in (PUBLIC.refuses_address(address) or "")


def test_private_networks_that_are_named() -> None:
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "93.184.216.34", "2606:2800:220:1::1"):
        assert INSIDE.refuses_address(address) is None
    assert INSIDE.refuses_address("10.2.0.1")
    assert INSIDE.refuses("https://10.1.2.3/") is None
    assert Allowed(hosts={"10.1.2.3"}).refuses("https://10.1.2.3/")
