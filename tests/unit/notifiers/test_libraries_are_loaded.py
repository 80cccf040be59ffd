"""The vendors' libraries are imported at the start, not while the first event waits."""

import subprocess
import sys

SCRIPT = """
import sys
from model.plan import ChannelName
from notifiers import channels
from notifiers.channels import pagerduty, slack, sms, voice
heavy = {"twilio.rest", "slack_sdk.web.async_client", "pagerduty.events_api_v2_client"}
assert not heavy & set(sys.modules), "a channel's module alone must stay light"
channels.load(list(ChannelName))
before = set(sys.modules)
assert {"twilio.rest", "slack_sdk.web.async_client", "pagerduty"} <= before
"""


def test_load_imports_what_the_channels_import_later():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
