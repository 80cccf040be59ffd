"""All calls: taken, queued for their turn, dialled, ended."""

from datetime import datetime, timedelta

from sandbox.activity import Activity
from sandbox.courier import Courier
from sandbox.feed import Feed
from sandbox.phones import Phones
from sandbox.settings import Settings
from sandbox.twilio.call import Call, Status, new_call
from sandbox.twilio.conversation import Conversation, press
from sandbox.twilio.errors import TwilioError, no_more_calls
from sandbox.twilio.parameters import CallOrder
from sandbox.twilio.twiml import TwimlError, Verb, parse

MAX_KEPT = 20_000


class Calls:
    """Twilio's side of every call, and the hand of the person at the phone."""

    def __init__(self, settings: Settings, activity: Activity, courier: Courier, feed: Feed, phones: Phones) -> None:
        self._settings = settings
        self._activity = activity
        self._courier = courier
        self._feed = feed
        self._phones = phones
        self.by_sid: dict[str, Call] = {}
        self._live: dict[Call, None] = {}
        self._queue: list[Call] = []
        self._dialling = False
        self._last_dial: datetime | None = None

    def reset(self) -> None:
        self.by_sid.clear()
        self._live.clear()
        self._queue.clear()
        self._dialling = False
        self._last_dial = None

    def create(self, order: CallOrder) -> Call:
        """Take a call; it is queued until Twilio's calls per second allow it. Raises TwilioError 10004."""
        if self._settings.over_capacity == "reject" and self._full(self.live()):
            raise no_more_calls()
        call = new_call(order, self._settings.twilio_account_sid, self._now(), self._courier)
        self.by_sid[call.sid] = call
        self._live[call] = None
        while len(self.by_sid) > MAX_KEPT:
            del self.by_sid[next(iter(self.by_sid))]
        self._phones.meet(order.to)
        self._feed.add("voice", order.to, f"call from {order.sender}", "queued", call.resource())
        self._queue.append(call)
        if not self._dialling:
            self._dialling = True
            self._activity.spawn(self._dial_queue(), "calls-per-second queue")
        return call

    def live(self) -> list[Call]:
        """Return the calls that have not ended, oldest first."""
        return list(self._live)

    def of(self, number: str) -> Call | None:
        """Return the call on this phone now: the one in progress, else the one that rings."""
        here = [call for call in self.live() if call.order.to == number and call.status != "queued"]
        return next((call for call in here if call.status == "in-progress"), here[0] if here else None)

    def end(self, call: Call, status: Status) -> None:
        """End `call` as the API or the person wants it; nothing happens to a call that has ended."""
        if call in self._queue:
            self._queue.remove(call)
            self._close(call, "canceled")
        elif not call.ended:
            call.end_as = "completed" if call.status == "in-progress" else status
            call.wake.set()

    def redirect(self, call: Call, twiml: str | None, url: str | None) -> None:
        """Give a call in progress another document. Raises TwilioError 21220 when it is not in progress."""
        if call.status != "in-progress":
            raise TwilioError(21220, "Call is not in-progress. Cannot redirect.")
        call.redirect = url if twiml is None else _document(twiml)
        call.wake.set()

    def answer(self, call: Call) -> None:
        """Pick up by hand."""
        call.picked_up = True
        call.wake.set()

    def press(self, call: Call, digits: str) -> None:
        """Press keys by hand; picks up first when it rings."""
        call.picked_up = True
        press(call, digits, self._feed)

    def _now(self) -> datetime:
        return self._activity.clock.now()

    def _full(self, calls: list[Call]) -> bool:
        return self._settings.max_calls is not None and len(calls) >= self._settings.max_calls

    async def _dial_queue(self) -> None:
        """Dial the queued calls, no faster than Twilio does, until none is left."""
        try:
            while self._queue:
                await self._activity.sleep_until(self._next_dial())
                if self._queue:
                    self._last_dial = self._now()
                    call = self._queue.pop(0)
                    self._activity.spawn(self._dial(call), f"call {call.sid} to {call.order.to}")
        finally:
            self._dialling = False

    def _next_dial(self) -> datetime:
        rate = self._settings.calls_per_second
        if self._last_dial is None or rate is None:
            return self._now()
        return self._last_dial + timedelta(seconds=1 / rate)

    async def _dial(self, call: Call) -> None:
        now = self._now()
        if self._full([other for other in self.live() if other.status != "queued"]):
            self._close(call, "failed")
            return
        call.started_at = call.updated_at = now
        call.notify("initiated", now)
        call.status = "ringing"
        call.notify("ringing", now)
        self._feed.add("voice", call.order.to, f"call from {call.order.sender}", "ringing", call.resource())
        phone = self._phones.rings(call.order.to)
        talk = Conversation(
            call,
            phone,
            settings=self._settings,
            activity=self._activity,
            courier=self._courier,
            feed=self._feed,
        )
        self._close(call, await talk.run())

    def _close(self, call: Call, status: Status) -> None:
        now = self._now()
        self._live.pop(call, None)
        call.status, call.ended_at, call.updated_at = status, now, now
        call.notify("completed", now)
        self._feed.add("voice", call.order.to, " / ".join(call.transcript), f"ended:{status}", call.resource())


def _document(twiml: str) -> list[Verb]:
    try:
        return parse(twiml)
    except TwimlError as error:
        raise TwilioError(12100, f"Document parse failure: {error}") from error
