"""Phones and how they behave: programmed one by one (`PUT /phones/{number}`), else as the scene says."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.clock import Clock

BATCH_GAP = timedelta(seconds=120)


class Scene(StrEnum):
    """What phones do that nobody programmed."""

    FIRST_ACCEPTS = "first person accepts"
    NOBODY = "nobody answers"
    VOICEMAIL = "voicemail, then the next"
    BUSY = "all busy"
    TWILIO_DOWN = "Twilio down"

    @classmethod
    def named(cls, name: str) -> "Scene":
        """Return the scene of that name, upper or lower case. Raises ValueError."""
        for scene in cls:
            if scene.value.casefold() == name.strip().casefold():
                return scene
        raise ValueError(f"unknown scene {name!r}, choose one of: {', '.join(cls)}")


class Behaviour(BaseModel):
    """What a phone does. All values can be left out; see `Phones.behaviour` for what holds then.

    After `after_seconds` of ringing it answers; `press_after_seconds` later it presses the first entry of `press`, the
    others 2 s apart, each when it is asked for keys; `talk_seconds` after answering it hangs up (null: it listens to
    the end). `reply` answers each text; `{code}` in it becomes the reply code found there. `sms`: the fate of texts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(default=None, max_length=80)
    answer: Literal["human", "voicemail", "busy", "no-answer", "failed"] = "human"
    after_seconds: float = Field(default=2, ge=0, le=3600)
    press: list[str] = Field(default_factory=list, max_length=20)
    press_after_seconds: float = Field(default=6, ge=0, le=3600)
    talk_seconds: float | None = Field(default=None, ge=0, le=14_400)
    reply: str | None = Field(default=None, max_length=1600)
    sms: Literal["delivered", "undelivered", "failed", "landline"] = "delivered"


CLIENT = "client:"  # a program that would have to register under that name; here none does
UNREACHED = Behaviour(answer="failed")
ACCEPTS = Behaviour(answer="human", press=["1"])
SCENES: dict[Scene, Behaviour] = {
    Scene.FIRST_ACCEPTS: ACCEPTS,
    Scene.NOBODY: Behaviour(answer="no-answer"),
    Scene.VOICEMAIL: ACCEPTS,
    Scene.BUSY: Behaviour(answer="busy"),
    Scene.TWILIO_DOWN: ACCEPTS,
}

# Numbers whose outcome stands in the number, so that a test needs no control endpoint.
RESERVED: dict[str, Behaviour] = {
    "+15005551001": Behaviour(answer="no-answer"),
    "+15005551002": Behaviour(answer="busy"),
    "+15005551003": Behaviour(answer="voicemail"),
    "+15005551004": Behaviour(answer="failed", sms="failed"),
    "+15005551005": ACCEPTS,
    "+15005551006": Behaviour(sms="undelivered"),
}


class Phones:
    """Every phone that was programmed, rung or texted, in that order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.programmes: dict[str, Behaviour] = {}
        self.known: dict[str, None] = {}
        self.scene = Scene.FIRST_ACCEPTS
        self._batch_first: str | None = None
        self._last_rung: datetime | None = None

    def reset(self) -> None:
        self.programmes.clear()
        self.known.clear()
        self.play(Scene.FIRST_ACCEPTS)

    def play(self, scene: Scene) -> None:
        """Change the scene; the next number rung is again the first of a batch."""
        self.scene = scene
        self._batch_first = self._last_rung = None

    def meet(self, number: str) -> None:
        """It is shown from now on; what is no phone is not."""
        if not number.startswith(CLIENT):
            self.known[number] = None

    def program(self, number: str, behaviour: Behaviour) -> None:
        self.meet(number)
        self.programmes[number] = behaviour

    def rings(self, number: str) -> Behaviour:
        """Return how `number` takes the call that begins to ring now."""
        self.meet(number)
        if number in self.known:
            self._note_batch(number)
        return self.behaviour(number)

    def behaviour(self, number: str) -> Behaviour:
        """Return what `number` does: as programmed, what was left out as the scene says.

        `answer` and `press` belong together: whoever gives one of them does not get the other from the scene.
        """
        if number.startswith(CLIENT):
            return UNREACHED
        base = RESERVED.get(number) or self._scene(number)
        programme = self.programmes.get(number)
        if programme is None:
            return base
        given = programme.model_fields_set
        return programme if given & {"answer", "press"} else base.model_copy(update=_given(programme))

    def _scene(self, number: str) -> Behaviour:
        if self.scene is Scene.VOICEMAIL and number == self._batch_first:
            return Behaviour(answer="voicemail")
        return SCENES[self.scene]

    def _note_batch(self, number: str) -> None:
        now = self._clock.now()
        if self._last_rung is None or now - self._last_rung > BATCH_GAP:
            self._batch_first = number
        self._last_rung = now


def _given(programme: Behaviour) -> dict[str, Any]:
    return {key: getattr(programme, key) for key in programme.model_fields_set}
