"""The state behind the stand-ins: one world holds three vendors, the phones and the people."""

from types import TracebackType
from typing import Any, Self

import httpx2

from sandbox.activity import Activity
from sandbox.clock import Clock
from sandbox.courier import Courier
from sandbox.faults import Faults, Vendor
from sandbox.feed import Feed
from sandbox.pagerduty import Alerts
from sandbox.pagerduty_webhooks import Webhooks
from sandbox.phones import Phones, Scene
from sandbox.settings import Settings
from sandbox.slack.buttons import Buttons
from sandbox.slack.methods import Methods
from sandbox.slack.rates import Rates
from sandbox.slack.socket import Sockets
from sandbox.slack.workspace import Workspace
from sandbox.twilio.calls import Calls
from sandbox.twilio.texts import Texts


class World:
    """Everything the stand-ins know. `async with world:` (or `stop`) ends what runs in the background.

    `transport` carries the callbacks, for a customer's server in the same process; by default they go over the network.
    """

    def __init__(
        self,
        clock: Clock,
        settings: Settings | None = None,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.clock = clock
        self.settings = settings = settings or Settings()
        self.activity = Activity(clock)
        self.feed = Feed(self.activity)
        self.faults = Faults()
        self.phones = Phones(clock)
        self.courier = Courier(clock, settings, self.activity, transport)
        self.calls = Calls(settings, self.activity, self.courier, self.feed, self.phones)
        self.texts = Texts(settings, self.activity, self.courier, self.feed, self.phones)
        self.workspace = Workspace()
        self.slack_rates = Rates(settings.slack_per_second, settings.slack_burst)
        self.slack_methods = Methods(clock, self.feed, self.workspace)
        self.slack_sockets = Sockets(self.activity)
        self.slack_buttons = Buttons(clock, settings, self.courier, self.feed, self.workspace, self.slack_sockets)
        self.alerts = Alerts(self.feed, clock, settings.pagerduty_per_minute)
        self.pagerduty_webhooks = Webhooks(clock, settings, self.courier, self.alerts)

    @property
    def errors(self) -> int:
        """How many pieces of background work failed by a fault of ours; each was logged with its traceback."""
        return self.activity.errors

    def busy(self) -> int:
        """Return how much is at work now and does not wait for the clock: requests, callbacks, calls, texts."""
        return self.activity.busy()

    def hanging(self) -> int:
        """Return how many requests are kept waiting on purpose: by a fault, or as a long poll of the feed."""
        return self.activity.hanging()

    def down(self, vendor: Vendor) -> bool:
        """Tell whether the scene has taken this vendor away."""
        return vendor == "twilio" and self.phones.scene is Scene.TWILIO_DOWN

    def known_phones(self) -> list[dict[str, Any]]:
        """Return every phone as `GET /phones` shows it."""
        return [self._shown(number) for number in self.phones.known]

    async def reset(self) -> None:
        """Forget everything: calls, texts, posts, alerts, faults, programmes, scene, feed."""
        await self.activity.stop()
        self.faults.active.clear()
        self.courier.disorder = None
        for part in (self.calls, self.texts, self.phones, self.workspace, self.slack_rates, self.alerts):
            part.reset()
        self.feed.clear()

    async def stop(self) -> None:
        """End the background work, let go of hanging requests, close connections. May be called twice.

        A server waits for open requests before it ends: call this when it is told to stop, not after it has.
        """
        await self.activity.stop()
        await self.courier.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _shown(self, number: str) -> dict[str, Any]:
        call = self.calls.of(number)
        programme = self.phones.programmes.get(number)
        state = "idle" if call is None else {"in-progress": "in call"}.get(call.status, "ringing")
        return {
            "number": number,
            "name": None if programme is None else programme.name,
            "state": state,
            "call_sid": None if call is None else call.sid,
            "asks_for_keys": call is not None and call.gathering,
            "transcript": [] if call is None else list(call.transcript),
            "pressed": [] if call is None else list(call.pressed),
            "programme": None if programme is None else programme.model_dump(exclude_unset=True),
            "behaviour": self.phones.behaviour(number).model_dump(exclude={"name"}),
        }
