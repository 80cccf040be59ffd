"""Phone calls through Twilio: placing, finding and cutting them, what their callbacks say, what the phone plays."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from model.attempt import Attempt, Receipt, ReceiptKind, Sent
from model.errors import SendError
from model.plan import ChannelName
from model.ports import Found, Send
from notifiers.channels.twilio_account import (
    ASK_AGAIN,
    CALL_IS_OVER,
    LIST_LIMIT,
    TwilioAccount,
    created_in_time,
    created_key,
    named,
    when,
)
from notifiers.dialling import Dialling
from notifiers.wording.answers import NO_KEY, SpokenAnswer, spoken
from notifiers.wording.speech import KEY_WAIT_SECONDS

STATUS_EVENTS = ["initiated", "ringing", "answered", "completed"]
TWIML_CHARS = 4000
NOBODY = "client:gridcall_nobody"  # a program would have to register under that name at Twilio
RING_NOBODY_SECONDS = 5
HANG_UP = "<Response><Hangup/></Response>"
READ_BACK_SECONDS = 8  # for each key: who is woken looks for the star
IN_PROGRESS = "in-progress"

KINDS: Mapping[str, ReceiptKind] = {
    "queued": ReceiptKind.QUEUED,
    "initiated": ReceiptKind.SENT,
    "ringing": ReceiptKind.RINGING,
    IN_PROGRESS: ReceiptKind.ANSWERED,
    "completed": ReceiptKind.COMPLETED,
    "no-answer": ReceiptKind.NO_ANSWER,
    "busy": ReceiptKind.BUSY,
    "canceled": ReceiptKind.CANCELED,
    "failed": ReceiptKind.FAILED,
}


class VoiceChannel:
    """Calls people. `public_url` is where Twilio reaches us; None: nowhere, and a call can ask nothing.

    `detects`: whether a machine picks up is found out, also where nobody can tell us. `kind`: which callbacks of ours
    are told of its calls; `only_keys`: of nothing but keys that are pressed.
    """

    name = ChannelName.VOICE
    repeatable = False

    def __init__(
        self,
        account: TwilioAccount,
        *,
        dialling: Dialling,
        public_url: str | None,
        timeout_seconds: float = 5.0,
        kind: str = "voice",
        detects: bool = True,
        only_keys: bool = False,
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self._only_keys = only_keys
        self.account = account
        self._dialling = dialling
        self._kind = kind
        self._detects = detects
        self._public_url = public_url.rstrip("/") if public_url else None

    async def send(self, send: Send) -> Sent:
        attempt, caller = send.attempt, self._dialling.caller(send.attempt.address)
        key_url, callbacks = self._callbacks(attempt.id)
        twiml = call_twiml(attempt.words.payload, key_url)
        call = await self.account.ask(
            self.timeout_seconds,
            lambda client: client.calls.create_async(
                to=attempt.address,
                from_=caller,
                twiml=twiml,
                timeout=send.ring_seconds,
                **callbacks,
            ),
        )
        named(call)
        return Sent(vendor_id=call.sid, vendor_at=call.date_created, raw={"sid": call.sid, "status": call.status})

    def _callbacks(self, attempt_id: str) -> tuple[str, Mapping[str, Any]]:
        """Where a key is told, and what asks Twilio to tell the rest."""
        if self._public_url is None:
            return "", {"machine_detection": "Enable", "async_amd": "true"} if self._detects else {}
        status_url, key_url, amd_url = (
            callback_url(self._public_url, attempt_id, leaf, self._kind) for leaf in ("status", "key", "amd")
        )
        if self._only_keys:
            return key_url, {}
        return key_url, {
            "status_callback": status_url,
            "status_callback_event": STATUS_EVENTS,
            "status_callback_method": "POST",
            "machine_detection": "Enable",
            "async_amd": "true",
            "async_amd_status_callback": amd_url,
            "async_amd_status_callback_method": "POST",
        }

    async def find(
        self, attempt: Attempt, known_ids: frozenset[str], since: datetime, thread: str | None = None
    ) -> Found | None:
        caller = self._dialling.ours(attempt.address)
        # No time filter: a call that waits in the calls-per-second queue has no start time yet.
        calls = await self.account.ask(
            self.timeout_seconds,
            lambda client: client.calls.list_async(
                to=attempt.address, from_=caller, limit=LIST_LIMIT, page_size=LIST_LIMIT
            ),
            changes=False,
        )
        ours = [c for c in calls if c.sid not in known_ids and created_in_time(c, since)]
        call = min(ours, key=created_key, default=None)
        return Found(vendor_id=call.sid, receipt=_receipt_of_call(call)) if call else None

    async def cut(self, vendor_id: str, answered: bool, spoken: str) -> None:
        if not answered:
            answered = await self._update(vendor_id, status="canceled") == IN_PROGRESS
        if answered:  # also a phone that was picked up while we cancelled
            await self._update(vendor_id, twiml=goodbye_twiml(spoken))

    async def call_nobody(self, attempt_id: str) -> None:
        """Call where nobody is: no phone rings, and Twilio tells our callback how the call ended. Raises SendError."""
        url = callback_url(self._public_url, attempt_id, "status", self._kind) if self._public_url else None
        await self.account.ask(
            self.timeout_seconds,
            lambda client: client.calls.create_async(
                to=NOBODY,
                from_=self._dialling.number,
                twiml=HANG_UP,
                timeout=RING_NOBODY_SECONDS,
                status_callback=url,
            ),
        )

    async def say_instead(self, attempt: Attempt, prompt: str) -> None:
        key_url, _ = self._callbacks(attempt.id)
        twiml = call_twiml({**attempt.words.payload, "prompt": prompt}, key_url)
        await self._update(attempt.vendor_id or "", twiml=twiml)

    async def close(self) -> None:
        await self.account.close()

    async def _update(self, sid: str, **change: str) -> str | None:
        """Change a call; its status then, None when it was over already."""
        try:
            call = await self.account.ask(self.timeout_seconds, lambda client: client.calls(sid).update_async(**change))
        except SendError as error:
            if error.code is not None and error.code.isdigit() and int(error.code) in CALL_IS_OVER:
                return None
            raise
        return str(call.status)


def callback_url(public_url: str, attempt_id: str, leaf: str, kind: str = "voice", query: str = "") -> str:
    """`leaf`: status, key or amd. `query` begins with its question mark."""
    return f"{public_url.rstrip('/')}/callbacks/twilio/{kind}/{quote(attempt_id, safe='')}/{leaf}{query}{ASK_AGAIN}"


def call_twiml(payload: Mapping[str, Any], key_url: str) -> str:
    """The script, as a rule twice, each time listening for a key; too long for that once, at worst shortened.

    A call that asks nothing says it and hangs up.
    """
    often = int(payload.get("times", 2))
    prompt, language = _speakable(str(payload["prompt"])), str(payload.get("language", "en-US"))
    if not payload.get("asks", True):
        again = f" I repeat. {prompt[:1500]}" if often > 1 else ""
        return goodbye_twiml(f"{prompt[:1500]}{again} Goodbye.", language)
    for times, chars in ((often, None), (1, None), (1, 2000), (1, 500)):
        twiml = _script(prompt[:chars], language, key_url, times)
        if len(twiml) <= TWIML_CHARS:
            break
    return twiml


def answer_twiml(
    kind: SpokenAnswer,
    *,
    key_url: str = "",
    prompt: str = "",
    detail: str = "",
    language: str = "en-US",
    drill: bool = False,
) -> str:
    """What the phone plays after a key. `prompt`: the script, for REPEAT; `detail`: see `answers.spoken`."""
    if kind is SpokenAnswer.REPEAT:
        return call_twiml_once(prompt, key_url, language)
    text = spoken(kind, detail, drill)
    if kind in (SpokenAnswer.CANNOT, SpokenAnswer.PASSED, SpokenAnswer.INVALID, SpokenAnswer.NO_REPEAT):
        return _script(_speakable(text), language, key_url, times=1, last="Goodbye.")
    return goodbye_twiml(text, language)


def read_back_twiml(text: str, url: str, language: str = "en-US") -> str:
    """Ask for several keys and a pound; without any key `url` is asked all the same."""
    from twilio.twiml.voice_response import Gather, VoiceResponse  # noqa: PLC0415 - heavy

    response = VoiceResponse()
    gather = Gather(action=url, method="POST", input="dtmf", finish_on_key="#", timeout=READ_BACK_SECONDS)
    gather.say(_speakable(text), language=language)
    response.append(gather)
    response.redirect(url, method="POST")
    return str(response)


def call_twiml_once(prompt: str, key_url: str, language: str = "en-US") -> str:
    return _script(_speakable(prompt)[:2000], language, key_url, times=1)


def goodbye_twiml(text: str, language: str = "en-US") -> str:
    """Say it and hang up."""
    from twilio.twiml.voice_response import VoiceResponse  # noqa: PLC0415 - heavy

    response = VoiceResponse()
    if text:
        response.say(_speakable(text), language=language)
    response.hangup()
    return str(response)


def _script(text: str, language: str, key_url: str, times: int, last: str = NO_KEY) -> str:
    from twilio.twiml.voice_response import Gather, VoiceResponse  # noqa: PLC0415 - heavy

    response = VoiceResponse()
    for _ in range(times):
        gather = Gather(action=key_url, method="POST", input="dtmf", num_digits=1, timeout=KEY_WAIT_SECONDS)
        gather.say(text, language=language)
        response.append(gather)  # without a key Twilio falls through to the next verb
    response.say(last, language=language)
    response.hangup()
    return str(response)


def _speakable(text: str) -> str:
    """Without the control characters that no XML may hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def voice_receipt(form: Mapping[str, str]) -> Receipt:
    """A status callback or an answering-machine callback. Unknown states count as sent: they prove nothing more."""
    status, answered_by = form.get("CallStatus"), form.get("AnsweredBy", "")
    kind = KINDS.get(status, ReceiptKind.SENT) if status else ReceiptKind.ANSWERED
    if kind is ReceiptKind.ANSWERED and _is_machine(answered_by):
        kind = ReceiptKind.MACHINE
    sequence = form.get("SequenceNumber", "")
    return Receipt(
        kind=kind,
        vendor_id=form["CallSid"],
        vendor_at=when(form.get("Timestamp")),
        sequence=int(sequence) if sequence.isdigit() else -1,
        code=form.get("ErrorCode") or form.get("SipResponseCode") or answered_by or None,
        by_machine=_is_machine(answered_by) if answered_by else None,
        raw=dict(form),
    )


def voice_key(form: Mapping[str, str]) -> str:
    """The digits that were pressed, "" for none."""
    return "".join(c for c in form.get("Digits", "") if c in "0123456789*#")[:16]


def _is_machine(answered_by: str | None) -> bool:
    return bool(answered_by) and (str(answered_by).startswith("machine") or answered_by == "fax")


def receipts_of_call(call: Any) -> tuple[Receipt, ...]:
    """What a call's callbacks would have told up to now, by what Twilio lists: of one that is over, also its answer."""
    kind = KINDS.get(str(call.status), ReceiptKind.SENT)
    last = _receipt_of_call(call, kind)
    if kind is not ReceiptKind.COMPLETED:
        return (last,)
    return (_receipt_of_call(call, ReceiptKind.ANSWERED), last)


def _receipt_of_call(call: Any, kind: ReceiptKind | None = None) -> Receipt:
    kind = kind or KINDS.get(str(call.status), ReceiptKind.SENT)
    if kind is ReceiptKind.ANSWERED and _is_machine(call.answered_by):
        kind = ReceiptKind.MACHINE
    ended = call.end_time if kind.final else None
    return Receipt(
        kind=kind,
        vendor_id=call.sid,
        vendor_at=ended or call.start_time or call.date_created,
        code=call.answered_by,
        by_machine=_is_machine(call.answered_by) if call.answered_by else None,
        raw={"sid": call.sid, "status": call.status, "answered_by": call.answered_by},
    )
