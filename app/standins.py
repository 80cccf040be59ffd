"""The stand-ins for the vendors, for the demo and `gridcall sandbox`: whom they call back, how we reach them."""

import httpx2

from config.settings import Settings, load_settings
from model.clock import Clock
from notifiers.channels.twilio_account import ASK_AGAIN
from sandbox import Settings as SandboxSettings
from sandbox import World


def world(clock: Clock, api_url: str, transport: httpx2.AsyncBaseTransport | None = None) -> World:
    """A world whose phones and buttons answer the Gridcall at `api_url`; `transport` carries what they send."""
    return World(
        clock,
        SandboxSettings(
            twilio_sms_inbound_url=f"{api_url}/callbacks/twilio/sms/inbound{ASK_AGAIN}",
            slack_actions_url=f"{api_url}/callbacks/slack/actions",
            slack_commands_url=f"{api_url}/callbacks/slack/commands",
            pagerduty_webhook_url=f"{api_url}/callbacks/pagerduty",
        ),
        transport=transport,
    )


def demo_settings(settings: Settings, api_url: str, standins_url: str) -> Settings:
    """The settings of the demo: every vendor is a stand-in, every secret is known."""
    play = SandboxSettings()
    given = settings.model_dump(exclude_unset=True)
    return load_settings(
        **given
        | {
            "public_url": api_url,
            "person_limits_times": settings.person_limits_times if "person_limits_times" in given else 10,
            "twilio_account_sid": play.twilio_account_sid,
            "twilio_auth_token": play.twilio_auth_token,
            "twilio_from": play.default_sender,
            "twilio_base_url": f"{standins_url}/twilio",
            "slack_bot_token": play.slack_bot_token,
            "slack_signing_secret": play.slack_signing_secret,
            "slack_base_url": f"{standins_url}/slack/api/",
            "pagerduty_base_url": f"{standins_url}/pagerduty",
            "pagerduty_webhook_secrets": ",".join(play.pagerduty_webhook_secrets),
        }
    )
