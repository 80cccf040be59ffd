"""What `gridcall serve` prints when it is ready."""

from app.serve import Listening
from app.service import Service


def say(service: Service, api: Listening, standins: Listening | None) -> None:
    lines = [f"Gridcall listens at {api.url} (API description: {api.url}/docs)"]
    if standins is not None:
        env = f"GRIDCALL_URL={api.url} " if not api.url.endswith(":8080") else ""
        lines += [
            f"Phones, Slack and PagerDuty to watch: {standins.url}",
            "",
            "Paste this into another terminal, as often as you like; the phones ring:",
            f"  {env}.venv/bin/gridcall example edr | curl -sS -X POST {api.url}/v1/events "
            "-H 'Authorization: Bearer demo-upstream' -H 'Content-Type: application/json' --data-binary @-",
        ]
    lines += [*_heartbeats(service), "Ctrl-C ends it."]
    print("\n".join(lines), flush=True)


def _heartbeats(service: Service) -> list[str]:
    return [""]
