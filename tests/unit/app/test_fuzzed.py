"""Requests made up from our own OpenAPI description, with the key of each role: no fault of ours, no status that the
description does not name, and nobody reaches what is not for them."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from app.access import WHO
from app.api import live
from config.keys import Role

KEYS = {Role.UPSTREAM: "demo-upstream", Role.OPERATOR: "demo-operator", Role.ADMIN: "demo-admin"}
EXAMPLES = 3  # of each kind, route and role
SECONDS = 20
FEED = "GET /v1/live"  # would never end: it is full here, and says so
BEFORE_THE_KEY = {400, 413, 422}  # a body that is no JSON is refused before anybody asks for a key


@pytest.fixture(scope="module", autouse=True)
def no_feed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "MAX_WATCHERS", 0)
        yield


@pytest.fixture(scope="module")
def described(url: str) -> Any:
    import schemathesis  # two seconds to load: `make test` collects this file, and runs nothing of it

    return schemathesis.openapi.from_url(f"{url}/openapi.json")


WHO_MAY = {route.replace(":path", ""): who for route, who in WHO.items()}


@pytest.mark.timeout(120)
@pytest.mark.long
@pytest.mark.parametrize(
    ("role", "mode"),
    # What is against the description takes long to make up, and an admin's key gets farthest with it.
    [*((role, "positive") for role in Role), (Role.ADMIN, "negative")],
)
def test_every_route(described: Any, role: Role, mode: str) -> None:
    """`mode`: as the description wants it, or against it."""
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) > 70
    wrong = {wanting for operation in operations for wanting in asked(operation, role, mode)}
    assert not wrong, "\n\n".join(sorted(wrong))


def asked(operation: Any, role: Role, mode: str) -> Iterator[str]:
    """What was answered as it must not be, each status once, with the request that led to it."""
    from schemathesis import GenerationMode

    route = f"{operation.method.upper()} {operation.path}"
    who = WHO_MAY[route]
    reaches = not isinstance(who, frozenset) or role in who
    statuses = {int(status) for status in operation.definition.raw["responses"]} if reaches else {403} | BEFORE_THE_KEY
    wrong: dict[int, str] = {}

    @settings(
        max_examples=EXAMPLES if reaches else 1,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    def ask(case: Any) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {KEYS[role]}"}, timeout=SECONDS)
        status = answer.status_code
        if status not in statuses or (status >= 500 and route != FEED):
            wrong[status] = f"{route} answered {status}\n{case.as_curl_command()}\n{answer.text[:300]}"

    with suppress(Unsatisfiable):  # a route that takes nothing can be given nothing wrong
        ask()
    yield from wrong.values()
