"""Addresses of operators' pages: made for one person and one event, and nobody makes them but us."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.page_links import LIFE, TOKEN_CHARS, Opened, PageLinks, expired
from model.event import EndKind
from model.ids import SystemIds
from tests.unit.routing.house import NOW, event, revision

HTTPS = "https://gridcall.example"
PEOPLE = ("ana", "ben", "chie")
EVENTS = st.uuids().map(str)


@given(EVENTS, st.sampled_from(PEOPLE))
def test_it_opens_for_whom_it_was_made(event_pk: str, person: str) -> None:
    """And not with another installation's key, nor when the person has left. It ends with a letter or digit."""
    links = PageLinks(b"key", HTTPS)
    token = links.token(event_pk, person)
    assert links.address(event_pk, person) == f"{HTTPS}/e/{token}"
    assert len(token) == TOKEN_CHARS
    assert token[-1].isalnum()
    assert links.opened(token, PEOPLE) == Opened(str(UUID(event_pk)), person)
    assert PageLinks(b"other", HTTPS).opened(token, PEOPLE) is None
    assert links.opened(token, [name for name in PEOPLE if name != person]) is None


@given(EVENTS, st.integers(0, TOKEN_CHARS - 2), st.sampled_from("AZaz09-_"))
def test_one_changed_sign_opens_nothing(event_pk: str, place: int, sign: str) -> None:
    links = PageLinks(b"key", HTTPS)
    token = links.token(event_pk, "ana")
    changed = token[:place] + sign + token[place + 1 :]
    assert changed == token or links.opened(changed, PEOPLE) is None


@given(st.text(max_size=60) | st.text("Aa0-_=é", min_size=TOKEN_CHARS, max_size=TOKEN_CHARS))
def test_rubbish_opens_nothing(token: str) -> None:
    assert PageLinks(b"key", HTTPS).opened(token, PEOPLE) is None


def test_no_address_where_it_would_not_open_or_be_read_on_its_way() -> None:
    pk = SystemIds().new()
    assert PageLinks(b"key", None).address(pk, "ana") == ""
    assert PageLinks(b"key", "http://127.0.0.1:8080").address(pk, "ana") == ""


def test_it_expires_a_day_after_the_end() -> None:
    """The end that was said, else the one that was set; an event until released has none before its release."""
    running = event(revision(end_kind=EndKind.UNTIL_RELEASED, ends_at=NOW))
    assert not expired(running, NOW + 100 * LIFE)
    scheduled = event(revision(end_kind=EndKind.SCHEDULED, ends_at=NOW))
    closed = replace(running, closed_at=NOW)
    for ended in (scheduled, closed):
        assert not expired(ended, NOW + LIFE - timedelta(seconds=1))
        assert expired(ended, NOW + LIFE)
