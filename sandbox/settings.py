"""What a world is built with: the accounts it plays, whom it calls back, and how fast the vendors are."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Settings:
    """Every value has a default that suits a demo on one machine."""

    twilio_account_sid: str = "AC" + "0" * 31 + "1"
    twilio_auth_token: str = "sandbox-twilio-auth-token"  # noqa: S105  not a secret: nothing real takes it
    twilio_sms_inbound_url: str | None = "http://127.0.0.1:8080/callbacks/twilio/sms/inbound"
    """None: texts to us are kept, and nobody is told."""
    twilio_status: str = "active"
    twilio_type: str = "Full"
    twilio_balance: str = "20.00"
    """In dollars."""
    calls_per_second: float | None = 1.0
    """Twilio dials this many calls a second, the rest wait as `queued`. None = no queue."""
    max_calls: int | None = 20
    """Calls that may exist at once. None = unlimited."""
    over_capacity: Literal["reject", "fail"] = "reject"
    """Error 10004 as an answer to the request, or as a call that fails at its turn (Twilio does not say)."""
    speech_chars_per_second: float = 15.0
    default_sender: str = "+15550199"
    """The number a phone texts when nobody has texted it yet."""

    slack_bot_token: str = "xoxb-sandbox"  # noqa: S105
    slack_signing_secret: str = "sandbox-slack-signing-secret"  # noqa: S105
    slack_app_token: str = "xapp-sandbox"  # noqa: S105
    """Opens connections in Socket Mode; while one is open, nothing is posted."""
    slack_scopes: tuple[str, ...] = (
        *("chat:write", "im:write", "channels:history", "groups:history", "im:history"),
        *("channels:read", "groups:read", "commands"),
    )
    """What the bot token may do."""
    slack_actions_url: str = "http://127.0.0.1:8080/callbacks/slack/actions"
    slack_commands_url: str = "http://127.0.0.1:8080/callbacks/slack/commands"
    pagerduty_webhook_secrets: tuple[str, ...] = ("sandbox-pagerduty-webhook-secret",)
    """More than one while a secret is being changed."""
    pagerduty_webhook_url: str | None = None
    """Where acknowledgements are told; None: nobody subscribed."""
    pagerduty_person: str = "P0ANA"
    """Who acknowledges when nobody is named."""

    pagerduty_per_minute: int | None = 120
    """Events in any 60 seconds and routing key. None = unlimited."""
    slack_per_second: float | None = 1.0
    """Messages a second and channel. None switches off every rate limit of Slack."""
    slack_burst: int = 20
    slack_person: str = "U0PERSON01"
    """Who presses a button when nobody is named and the message is not a direct one."""
