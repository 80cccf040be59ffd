"""Requests made up from the vendors' own descriptions: the stand-ins answer each as described, and never fail."""

import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from starlette.types import ASGIApp

from model.clock import SystemClock
from sandbox import Settings, World, build
from tests.contract.wire import FILES, HOSTS, described
from tests.serving import served_in_thread

EXAMPLES = 20  # of each operation
SEED = int(os.environ.get("GRIDCALL_TEST_SEED", "1"))  # another one makes up other requests
SECONDS = 20
PLAY = Settings(slack_per_second=None, pagerduty_per_minute=None, max_calls=None)
BASIC = b64encode(f"{PLAY.twilio_account_sid}:{PLAY.twilio_auth_token}".encode()).decode()
HEADERS = {
    "twilio": {"Authorization": f"Basic {BASIC}"},
    "slack": {"Authorization": f"Bearer {PLAY.slack_bot_token}"},
    "pagerduty": {},
}


@pytest.fixture(scope="module")
def standins() -> Iterator[tuple[str, World]]:
    """Behind a real socket, in a thread of their own."""
    worlds: list[World] = []

    @asynccontextmanager
    async def application() -> AsyncIterator[ASGIApp]:
        worlds.append(World(SystemClock(), PLAY))
        yield build(worlds[0])

    with served_in_thread(application) as url:
        yield url, worlds[0]


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.parametrize("vendor", FILES)
def test_what_is_made_up_from_a_description_is_answered_as_described(
    standins: tuple[str, World], vendor_specs: Path, vendor: str
) -> None:
    import schemathesis  # two seconds to load: `make test` collects this file, and runs nothing of it

    url, world = standins
    document = described(vendor_specs, vendor)
    mount, host = HOSTS[vendor]
    base = url + mount + document["servers"][0]["url"].removeprefix(host)
    operations = [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert operations
    wrong = [said for operation in operations for said in asked(operation, base, vendor)]
    assert not wrong, "\n\n".join(wrong[:3])
    assert world.errors == 0


# What a description says too little of to be made up: every second request has it, and comes past the first look.
AIM: dict[str, Any] = {
    "To": "+15550101",
    "From": "+15550100",
    "channel": "C012345678",
    "email": "ana@example.com",
    "user": "U012345678",
    "users": "U012345678",
    "trigger_id": "1.2.3",
}
LEFT_OUT = frozenset({"attachments", "blocks", "metadata", "thread_ts"})
CREATED: dict[str, Any] = {
    "Calls.json": {"To": AIM["To"], "From": AIM["From"], "Twiml": "<Response/>"},
    "Messages.json": {"To": AIM["To"], "From": AIM["From"], "Body": "Reduce"},
    "/chat.postMessage": {"channel": AIM["channel"], "text": "Reduce"},
    "/conversations.open": {"users": AIM["users"]},
}
MUST_BE_TAKEN = (*CREATED, "/enqueue")


def _aim(case: Any) -> None:
    for part in (case.query, case.body):
        if isinstance(part, dict):
            part.update({name: value for name, value in AIM.items() if name in part})
            for name in LEFT_OUT & part.keys():
                del part[name]
    if case.method == "POST":
        created = (body for path, body in CREATED.items() if case.path.endswith(path))
        case.body = next(created, case.body)


def asked(operation: Any, base: str, vendor: str) -> list[str]:
    """What was answered as it must not be, with the request that led to it."""
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.failures import Failure
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    wrong, taken = [], []
    checks = [not_a_server_error, status_code_conformance, response_schema_conformance]

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def ask(case: Any) -> None:
        if "AccountSid" in (case.path_parameters or {}):
            case.path_parameters["AccountSid"] = PLAY.twilio_account_sid
        if len(taken) % 2:
            _aim(case)
        answer = case.call(base_url=base, headers=HEADERS[vendor], timeout=SECONDS)
        taken.append(answer.status_code < 400 and json.loads(answer.content).get("ok", True))
        try:
            case.validate_response(answer, checks=checks)
        except* Failure as error:  # one, or several in a group
            wrong.extend(f"{operation.label}: {each}" for each in error.exceptions)

    ask()
    must = operation.path.endswith(MUST_BE_TAKEN) and not any(taken)
    return [*wrong, *([f"{operation.label} is never taken"] if must else [])]
