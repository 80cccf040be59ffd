"""The channels this installation has, made from its settings; and what verifies the vendors' callbacks."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from config.settings import Settings
from model.clock import Clock
from model.errors import SendError
from model.plan import ChannelName
from model.ports import Answers, Channel
from model.roster import Roster
from notifiers.channels.pagerduty import PagerDutyChannel
from notifiers.channels.slack import SlackChannel, SlackSignature, SlackWorkspace
from notifiers.channels.slack_interactions import reason_view
from notifiers.channels.slack_socket import SlackSocket
from notifiers.channels.sms import SmsChannel
from notifiers.channels.twilio_account import TwilioAccount, TwilioSignature
from notifiers.channels.twilio_lists import TwilioLists
from notifiers.channels.voice import VoiceChannel
from notifiers.channels.webhook import WebhookChannel

log = structlog.get_logger(__name__)

SLACK, SLACK_SOCKET, TWILIO, PAGERDUTY = "Slack", "Slack Socket Mode", "Twilio", "PagerDuty"
KNOWN_AT_ONCE = 12  # with a look each 20 s that is below what Slack allows, 50 a minute


@dataclass(frozen=True, slots=True)
class Vendors:
    """A channel that is not set up is missing here; its rows fail with that reason, and the next way is taken."""

    channels: Mapping[ChannelName, Channel]
    twilio: TwilioSignature | None = None
    slack: SlackSignature | None = None
    missing: tuple[str, ...] = field(default=())
    workspace: SlackWorkspace | None = None
    socket: SlackSocket | None = None
    direct: SlackChannel | None = None  # writes to people
    account: TwilioAccount | None = None
    lists: TwilioLists | None = None  # where Twilio cannot call us back
    pagerduty: PagerDutyChannel | None = None
    pagerduty_secrets: tuple[str, ...] = field(default=(), repr=False)

    async def whisper(self, channel: str, user: str, text: str) -> None:
        """A word in Slack to who pressed a button; when it cannot be said, it is not."""
        try:
            if self.workspace is not None:
                await self.workspace.whisper(channel, user, text)
        except SendError as error:
            log.warning("whisper not sent", user=user, error=str(error))

    def checks(self, routing_keys: Collection[str]) -> dict[str, Callable[[], Awaitable[Answers]]]:
        """What asks each vendor that is set up whether it takes our credentials, by its name."""
        found: dict[str, Callable[[], Awaitable[Answers]]] = {}
        if self.workspace is not None:
            found[SLACK] = self.workspace.check
        if self.socket is not None:
            found[SLACK_SOCKET] = self.socket.known
        if self.account is not None:
            found[TWILIO] = self.account.check
        if routing_keys and self.pagerduty is not None:
            found[PAGERDUTY] = partial(_every_key, self.pagerduty, sorted(routing_keys))
        return found

    async def get_to_know(self, roster: Roster) -> None:
        """Where some more people of the roster are written to in Slack; when it cannot be asked, the next time."""
        users = [user for person in roster.people.values() if (user := person.address(ChannelName.SLACK_DM))]
        try:
            if self.direct is not None:
                await self.direct.get_to_know(users, KNOWN_AT_ONCE)
        except SendError as error:
            log.warning("Slack cannot be asked about people", error=str(error))

    async def ask_reason(self, trigger_id: str, value: str) -> None:
        """A form in Slack for why somebody cannot comply; when it cannot be shown, it is not."""
        try:
            if self.workspace is not None:
                await self.workspace.open_view(trigger_id, reason_view(value))
        except SendError as error:
            log.warning("form not shown", error=str(error))

    async def close(self) -> None:
        for channel in self.channels.values():
            await channel.close()


async def _every_key(channel: PagerDutyChannel, routing_keys: Sequence[str]) -> Answers:
    """One after another: the first that is refused is raised, and its last four characters say which it is."""
    for key in routing_keys:
        try:
            await channel.check(key)
        except SendError as error:
            if error.bad_address:
                raise SendError(f"routing key …{key[-4:]}: {error}", retryable=False, bad_address=True) from error
            raise
    count = "1 routing key is" if len(routing_keys) == 1 else f"{len(routing_keys)} routing keys are"
    return Answers(f"{count} taken")


def missing(settings: Settings) -> tuple[str, ...]:
    """A sentence for each vendor that is not set up."""
    sentences = (
        (settings.twilio_account_sid, "Twilio is not set up: no phone rings and no text is sent (GRIDCALL_TWILIO_*)"),
        (settings.slack_bot_token, "Slack is not set up: nothing is posted there (GRIDCALL_SLACK_*)"),
    )
    return tuple(sentence for given, sentence in sentences if not given)


def unheard(settings: Settings) -> tuple[str, ...]:
    """A sentence for each thing that does not work because vendors cannot reach us."""
    if settings.called_back:
        return ()
    slack_hears = settings.slack_app_token is not None
    elsewhere = "by text or in Slack" if slack_hears else "by text"
    sentences = (
        (
            settings.twilio_account_sid,
            f"Twilio does not reach us: no key can be pressed in a call, people answer {elsewhere}; "
            "how calls and texts fare, and what people text, is asked for every 5 s",
        ),
        (
            settings.slack_bot_token and not slack_hears,
            "Slack does not reach us: its messages have no buttons and /gridcall says nothing "
            "(GRIDCALL_SLACK_APP_TOKEN)",
        ),
        (settings.pagerduty_webhook_secrets, "PagerDuty does not reach us: who acknowledges there is not heard"),
    )
    return tuple(sentence for given, sentence in sentences if given)


def connect(settings: Settings, clock: Clock, *, callbacks: bool = True) -> Vendors:
    """`callbacks` False: vendors reach nobody here, who sends only tells."""
    pagerduty = PagerDutyChannel(clock=clock, base_url=settings.pagerduty_base_url)
    channels: dict[ChannelName, Channel] = {ChannelName.PAGERDUTY: pagerduty}
    twilio = slack = socket = direct = workspace = account = lists = None
    if settings.twilio_account_sid and (tokens := settings.twilio_tokens) and (dialling := settings.dialling):
        account = TwilioAccount(
            account_sid=settings.twilio_account_sid,
            auth_token=tokens[0],
            clock=clock,
            base_url=settings.twilio_base_url,
        )
        url = settings.public_url if callbacks and settings.called_back else None
        channels[ChannelName.VOICE] = VoiceChannel(account, dialling=dialling, public_url=url, detects=callbacks)
        channels[ChannelName.SMS] = SmsChannel(account, dialling=dialling, public_url=url)
        twilio = TwilioSignature(*tokens)
        if url is None:
            lists = TwilioLists(account, dialling)
    if settings.slack_bot_token:
        base = {"base_url": settings.slack_base_url} if settings.slack_base_url else {}
        workspace = SlackWorkspace(token=settings.slack_bot_token.get_secret_value(), clock=clock, **base)
        channels[ChannelName.SLACK_CHANNEL] = SlackChannel(ChannelName.SLACK_CHANNEL, workspace)
        channels[ChannelName.SLACK_DM] = direct = SlackChannel(ChannelName.SLACK_DM, workspace)
        if settings.slack_signing_secret:
            slack = SlackSignature(settings.slack_signing_secret.get_secret_value())
        if settings.slack_app_token and callbacks:
            socket = SlackSocket(workspace, app_token=settings.slack_app_token.get_secret_value(), clock=clock)
    if settings.webhook_secret:
        secret = settings.webhook_secret.get_secret_value()
        channels[ChannelName.WEBHOOK] = WebhookChannel(secret=secret, hosts=settings.webhook_names, clock=clock)
    return Vendors(
        channels=channels,
        twilio=twilio,
        slack=slack,
        missing=missing(settings),
        workspace=workspace,
        socket=socket,
        direct=direct,
        account=account,
        lists=lists,
        pagerduty=pagerduty,
        pagerduty_secrets=settings.pagerduty_secrets,
    )
