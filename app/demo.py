"""`python -m app.demo`: plays what Gridcall promises with real processes, and checks every line of it.

It starts `gridcall serve --demo` on free ports with data of its own, and ends it. Names of stories as arguments play
only those. Exit code 1 at the first check that does not hold, with what was expected and what was seen.
"""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import httpx2

from app import demo_story as story
from app import demo_trouble as trouble
from app.demo_house import SOURCE, House
from app.demo_servers import TwoProcesses, folder, one_process
from app.demo_stage import Beats, Failed, Process
from app.evidence import verify
from config.settings import load_settings

SHOWN_MESSAGES = 30

STORIES: dict[str, Callable[[House, story.Ok], None]] = {
    "ring": story.ring_and_accept,
    "cancel": story.cancelled,
    "duplicates": story.duplicates,
    "nobody": story.nobody_answers,
    "cannot": story.cannot_comply,
    "lost-answer": trouble.lost_answer,
    "unreadable": trouble.unreadable,
}
SILENCE, KILLED = "silence", "killed"
NAMES = (*STORIES, SILENCE, KILLED)


class Script:
    """Prints a line for each check, with the time since the start."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.checks = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def title(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def ok(self, text: str) -> None:
        self.checks += 1
        print(f"{self.seconds:6.1f} s  ok  {text}", flush=True)


def play(script: Script, wanted: Sequence[str], place: Path) -> None:
    """Raises Failed, with the evidence printed, at the first check that does not hold."""
    if {*STORIES, SILENCE} & set(wanted):
        (place / "one").mkdir()
        with one_process(place / "one") as (house, process, took):
            script.title("Gridcall, with stand-ins for Slack, PagerDuty and Twilio")
            script.ok(f"ready after {took:.1f} s at {house.api.url}, phones at {house.standins.url}")
            _evidence(house, process, partial(_in_one_process, script, wanted, house))
            code = process.stop()
            if code != 0:
                raise Failed(f"an end with exit code 0, not {code}")
            script.ok("told to end, it ends with exit code 0")
        _evidence_holds(script, place / "one")
    if KILLED in wanted:
        (place / "two").mkdir()
        two = TwoProcesses(place / "two")
        try:
            script.title(trouble.killed.__doc__ or "")
            _evidence(two.house, lambda: two.process, partial(trouble.killed, two, script.ok))
        finally:
            two.close()
        _evidence_holds(script, place / "two")


def _in_one_process(script: Script, wanted: Sequence[str], house: House) -> None:
    beats = Beats(house.posts, SOURCE)
    try:
        for name, tell in STORIES.items():
            if name in wanted:
                script.title(tell.__doc__ or "")
                tell(house, script.ok)
        if SILENCE in wanted:
            script.title(trouble.silence.__doc__ or "")
            trouble.silence(house, beats, script.ok)
    finally:
        beats.stop()


def _evidence_holds(script: Script, folder: Path) -> None:
    found = verify(load_settings(data_dir=folder / "var"), None, None)
    if found.breaks or not found.rows:
        raise Failed(f"an unbroken chain of evidence, not {found}")
    script.ok(f"the evidence of {found.events} events, {found.rows} sealed rows, is unbroken")


def _evidence(house: House, process: Process | Callable[[], Process | None], run: Callable[[], None]) -> None:
    """Run; when a check fails print what the phones noticed and what the server logged."""
    try:
        run()
    except (Failed, httpx2.HTTPError):
        print("\nWhat the phones, Slack and PagerDuty noticed:")
        print("\n".join(f"  {m}" for m in house.feed.seen[-SHOWN_MESSAGES:]))
        server = process if isinstance(process, Process) else process()
        print(f"\nThe end of the server's log:\n{server.tail() if server else ''}")
        raise


def main(arguments: Sequence[str]) -> int:
    unknown = [name for name in arguments if name not in NAMES]
    if unknown:
        print(f"no story is called {unknown[0]}, only: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    script = Script()
    try:
        with folder() as place:
            play(script, arguments or NAMES, Path(place))
    except KeyboardInterrupt:
        return 130
    except Failed as expected:
        print(f"\n{script.seconds:6.1f} s  FAILED  expected {expected}")
        return 1
    except httpx2.HTTPError as error:
        print(f"\n{script.seconds:6.1f} s  FAILED  expected an answer, got {type(error).__name__}: {error}")
        return 1
    print(f"\n{script.checks} checks hold, in {script.seconds:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
