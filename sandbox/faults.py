"""Ways to break a vendor: by switch (`PUT /faults/{vendor}`) or by credential, so that a test needs no side channel."""

import json
from collections import Counter
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from sandbox.courier import Disorder

Vendor = Literal["twilio", "slack", "pagerduty"]
VENDORS: tuple[Vendor, ...] = get_args(Vendor)
MOUNTS: dict[str, Vendor] = {"/twilio/": "twilio", "/slack/api/": "slack", "/pagerduty/v2/": "pagerduty"}

SLACK_TOKENS: dict[str, int | Literal["hang"]] = {
    "xoxb-ratelimited": 429,
    "xoxb-timeout": "hang",
    "xoxb-500": 500,
}


class Fault(BaseModel):
    """What goes wrong, and how often.

    `hang`: no answer, nothing stored. `accept_then_hang`: done, but no answer; concerns POST only, so that one can look
    afterwards. `reset`: the connection is dropped. A number: answered with that status. None with a delay: late, well.
    `one_in`: of so many requests that it concerns the last one is hit, the others are answered well.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int | Literal["hang", "reset", "accept_then_hang"] | None = Field(default=None)
    count: int | None = Field(default=None, ge=1, description="requests affected; null = until cleared")
    one_in: int = Field(default=1, ge=1, le=1000)
    delay_seconds: float = Field(default=0, ge=0, le=600)
    path: str | None = Field(default=None, description="only requests whose path contains this")
    callbacks: Disorder | None = Field(
        default=None, description="swap or duplicate status callbacks, or lose those about machines"
    )

    def concerns(self, method: str, path: str) -> bool:
        if self.status == "accept_then_hang" and method != "POST":
            return False
        breaks = self.status is not None or self.delay_seconds > 0
        return breaks and (self.path is None or self.path in path)


class Faults:
    """The faults in force, one per vendor."""

    def __init__(self) -> None:
        self.active: dict[Vendor, Fault] = {}
        self._spared: Counter[Vendor] = Counter()

    def take(self, vendor: Vendor, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request, and use it up by one."""
        fault = self.active.get(vendor)
        if fault is None or not fault.concerns(method, path):
            return None
        if self._spared[vendor] + 1 < fault.one_in:
            self._spared[vendor] += 1
            return None
        self._spared[vendor] = 0
        if fault.count == 1:
            del self.active[vendor]
        elif fault.count is not None:
            self.active[vendor] = fault.model_copy(update={"count": fault.count - 1})
        return fault

    def show(self) -> dict[str, Any]:
        return {vendor: fault.model_dump() for vendor, fault in self.active.items()}


def vendor_of(path: str) -> Vendor | None:
    """Return whose API `path` belongs to; None for control endpoints and the page."""
    return next((vendor for mount, vendor in MOUNTS.items() if path.startswith(mount)), None)


def slack_token_fault(authorization: str) -> Fault | None:
    """Return the fault that a Slack token asks for by its name."""
    status = SLACK_TOKENS.get(authorization.removeprefix("Bearer "))
    return None if status is None else Fault(status=status)


def error_body(vendor: Vendor, status: int) -> bytes:
    """Return what `vendor` says when it fails with `status`."""
    bodies: dict[Vendor, dict[str, Any]] = {
        "twilio": {
            "code": 20000 + status,
            "message": "Too many requests" if status == 429 else "Service is unavailable",
            "more_info": f"https://www.twilio.com/docs/errors/{20000 + status}",
            "status": status,
        },
        "slack": {"ok": False, "error": "ratelimited" if status == 429 else "internal_error"},
        "pagerduty": {"status": "throttle exceeded" if status == 429 else "error", "message": "Try again later"},
    }
    return json.dumps(bodies[vendor]).encode()
