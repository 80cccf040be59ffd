"""Stand-ins for Twilio, Slack and PagerDuty that speak the vendors' HTTP, with phones one can program.

Gridcall's demo, acceptance tests and contract tests talk to this package instead of to the vendors. It knows nothing of
Gridcall: it sees only what a vendor would see, and signs its callbacks by hand, so that the code that verifies them is
checked against a second implementation.

`World` (world.py) holds the state, `build` (app.py) puts HTTP in front of it:

    world = World(clock=clock, settings=Settings(slack_actions_url="http://127.0.0.1:8080/callbacks/slack/actions"))
    uvicorn.run(build(world), port=8090)

The vendors' base URLs are then http://127.0.0.1:8090/twilio, .../slack/api/ and .../pagerduty.
The page at `/` shows the phones ringing; a person can answer there and press keys. Control endpoints: control.py.
"""

from sandbox.app import build
from sandbox.clock import Clock
from sandbox.settings import Settings
from sandbox.world import World

__all__ = ["Clock", "Settings", "World", "build"]
