"""Whatever is sent to a route that changes the roster: a status that its description names, and no fault of ours."""

import re
from typing import Any

import pytest

from tests.app_fixture import House

NAMES = {"rotation_id": "ops-backup", "scheme": "A", "code": "B"}
BODIES = [
    b"",
    b"null",
    b'"text"',
    b"{}",
    b'{"a": "\xff"}',
    b"[" * 100_000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b'{"timezone":' + b"9" * 5000 + b"}",
    b'{"a": 1, "a": 2}',
    b"\xef\xbb\xbf{}",
]
IF_MATCH = {None: BODIES, "*": BODIES[:4], "": BODIES[:4], '"x"': BODIES[:4]}


def edits(described: dict[str, Any]) -> list[tuple[str, str, set[str]]]:
    """(method, path with names in it, statuses) of every route that changes the roster."""
    return [
        (method.upper(), re.sub(r"{(\w+)}", lambda m: NAMES.get(m[1], "new"), path), set(route["responses"]))
        for path, methods in described["paths"].items()
        for method, route in methods.items()
        if method in ("put", "post", "delete") and route.get("tags") == ["roster"]
    ]


@pytest.mark.parametrize("if_match", IF_MATCH)
async def test_every_answer_is_described(house: House, if_match: str | None) -> None:
    found = edits((await house.client.get("/openapi.json")).json())
    assert len(found) > 20
    headers = {"Authorization": "Bearer demo-admin", "Content-Type": "application/json"}
    headers |= {} if if_match is None else {"If-Match": if_match}
    for method, path, statuses in found:
        for body in IF_MATCH[if_match]:
            answer = await house.client.request(method, path, content=body, headers=headers)
            assert str(answer.status_code) in statuses, (method, path, body[:20], answer.text)
