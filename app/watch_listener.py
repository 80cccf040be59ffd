"""Where Twilio tells the watch which key was pressed in its call: a server of its own, for the API may be dead."""

from collections.abc import Callable

import structlog
from aiohttp import web

from notifiers.channels.twilio_account import TwilioSignature
from notifiers.channels.voice import VoiceChannel, goodbye_twiml, voice_key

log = structlog.get_logger(__name__)

KIND = "watch"
PATH = f"/callbacks/twilio/{KIND}/{{attempt}}/key"
MAX_BYTES = 64 * 1024
TAKES_IT = "1"


class Listener:
    """`voice` places calls whose keys come here. `pressed`: of which call it was a 1; whether that counts."""

    def __init__(self, voice: VoiceChannel, signature: TwilioSignature, url: str, host: str, port: int) -> None:
        self.voice = voice
        self.pressed: Callable[[str], bool] = lambda attempt_id: False
        self._signature = signature
        self._url = url.rstrip("/")
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None
        self._failed = False

    @property
    def is_open(self) -> bool:
        return self._runner is not None

    async def open(self) -> None:
        """Listen from now on, if not yet. Where that cannot be, calls ask for no key: it is said once."""
        if self._runner is not None:
            return
        app = web.Application(client_max_size=MAX_BYTES)
        app.router.add_post(PATH, self._key)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            if not self._failed:
                log.error("the watch cannot listen, keys are not heard", port=self._port, error=str(error))
            self._failed = True
            return
        self._runner = runner

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _key(self, request: web.Request) -> web.Response:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        url = f"{self._url}{request.rel_url.raw_path_qs}"
        if not self._signature.verify(url, form, request.headers.get("x-twilio-signature")):
            log.warning("callback refused: signature", path=request.path)
            return web.Response(status=403)
        key = voice_key(form)
        if key != TAKES_IT:
            said = "That was not the 1. The next person is called. Goodbye."
        elif self.pressed(request.match_info["attempt"]):
            said = "You look after it, and the others are told so. Nobody else is called for 15 minutes. Goodbye."
        else:
            said = "This is over. Nothing to do. Goodbye."
        return web.Response(text=goodbye_twiml(said), content_type="application/xml")
