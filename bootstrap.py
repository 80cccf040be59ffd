"""Make .venv and fill it from a lock file, or say in one sentence what is missing.

The Makefile runs it before every verb (`bootstrap.py run` or `dev`), the Dockerfile once (`bootstrap.py link`).
Standard library only, and no syntax newer than Python 3.6: an old interpreter must get far enough to say it is old.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

OLDEST = (3, 11)
COMMANDS = ("python3", "python3.13", "python3.12", "python3.11")
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}  # dev contains run
DURATION = {"run": "half a minute", "dev": "a minute"}

PROBE = """
import sys
try:
    import venv, ensurepip
    able = "venv"
except ImportError:
    able = "no-venv"
print("%d.%d.%d %s" % (sys.version_info[:3] + (able,)))
"""

# The project is not built and installed as a wheel: that would need a build backend, which a running Gridcall has no
# use for. A .pth file puts the checkout on the import path instead, and this launcher is what the wheel's entry point
# would be. To sh its second line starts the interpreter; to Python the second and third are a string. (A `#!` line that
# names the interpreter breaks on a path that is long or has a space.)
LAUNCHER = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
"""


class Missing(Exception):
    """What set-up lacks: one sentence with the command that mends it."""


class Interpreter(NamedTuple):
    command: str
    version: Tuple[int, ...]
    has_venv: bool

    @property
    def spoken_version(self) -> str:
        return ".".join(str(part) for part in self.version)


def probe(command: str) -> Optional[Interpreter]:
    """What this command is, or None where it is no Python that starts (a shim of pyenv may exist and refuse)."""
    try:
        answer = subprocess.check_output([command, "-c", PROBE], stderr=subprocess.DEVNULL).decode()
        version, able = answer.split()
        return Interpreter(command, tuple(int(part) for part in version.split(".")), able == "venv")
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def candidates(wished: str, search_path: str, venv: Path) -> List[str]:
    """The commands to try, in order. Leaves out the .venv to be made, which is first in PATH while it is activated."""
    folders = [folder for folder in search_path.split(os.pathsep) if Path(folder) != venv / "bin"]
    found = [shutil.which(command, path=os.pathsep.join(folders)) for command in (wished, *COMMANDS) if command]
    return list(dict.fromkeys(command for command in found if command))


def choose(found: List[Interpreter]) -> Interpreter:
    """The first that is new enough and can make a virtual environment."""
    new_enough = [python for python in found if python.version >= OLDEST]
    if not new_enough:
        newest = max(found, key=lambda python: python.version).spoken_version if found else "none"
        raise Missing(
            f"Gridcall needs Python 3.11 or newer, found {newest}: install one, e.g. apt-get install python3.11, "
            "or set PYTHON=/path/to/python"
        )
    for python in new_enough:
        if python.has_venv:
            return python
    first = new_enough[0]
    name = Path(first.command).name
    package = f"{name}-venv" if name.startswith("python3") else "python3-venv"
    raise Missing(
        f"Gridcall needs Python's venv module, which {first.command} ({first.spoken_version}) came without: "
        f"apt-get install {package}, or set PYTHON=/path/to/python"
    )


class Environment:
    """The .venv of one checkout, and the stamp in it that says what it was made from.

    The stamp goes before any change and comes back after it, so an interrupted set-up leaves none and is begun afresh.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.stamp = self.folder / "set-up.json"
        self.log = self.folder / "set-up.log"

    def digest(self, level: str) -> str:
        """Changes with whatever the environment is made from: the lock, pyproject.toml and this file."""
        total = hashlib.sha256()
        for path in (self.root / LOCKS[level], self.root / "pyproject.toml", Path(__file__)):
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def made_as(self) -> Optional[Dict[str, str]]:
        """The stamp, or None when there is no usable environment: half made, moved here, or its Python is gone."""
        try:
            stamp = json.loads(self.stamp.read_text())  # type: Dict[str, str]
        except (OSError, ValueError):
            return None
        usable = stamp.get("root") == str(self.root) and stamp.get("level") in LOCKS and self._starts()
        return stamp if usable else None

    def _starts(self) -> bool:
        if sys.executable == str(self.python):
            return True
        return probe(str(self.python)) is not None

    def is_ready(self, level: str) -> bool:
        stamp = self.made_as()
        return (
            stamp is not None
            and stamp["level"] in (level, "dev")
            and stamp.get("digest") == self.digest(stamp["level"])
        )

    def set_up(self, level: str, wished: str = "") -> None:
        """Make it ready, by bringing it up to date where that is enough. Raises Missing."""
        stamp = self.made_as()
        if stamp is None:
            self._make(wished)
        elif stamp["level"] == "dev":
            level = "dev"
        started = time.monotonic()
        packages = sum(line[:1].isalnum() for line in (self.root / LOCKS[level]).read_text().splitlines())
        say(f"Installing {packages} packages from {LOCKS[level]} (about {DURATION[level]} the first time) ...")
        self._forget_stamp()
        self._install(LOCKS[level])
        link(str(self.python), self.root)
        self.stamp.write_text(json.dumps({"root": str(self.root), "level": level, "digest": self.digest(level)}))
        say(f"Installed in {time.monotonic() - started:.0f} s.")

    def _make(self, wished: str) -> None:
        commands = candidates(wished, os.environ.get("PATH", os.defpath), self.folder)
        python = choose([found for found in map(probe, commands) if found])
        say(f"Making .venv with Python {python.spoken_version} ({python.command}).")
        self._forget_stamp()
        made, output = run([python.command, "-m", "venv", "--clear", str(self.folder)])
        if not made:
            raise Missing(
                f"{python.command} could not make .venv ({last_line(output)}): "
                "mend that, or set PYTHON=/path/to/python, then run: make setup"
            )

    def _forget_stamp(self) -> None:
        if self.stamp.exists():
            self.stamp.unlink()

    def _install(self, lock: str) -> None:
        command = [str(self.python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        installed, output = run([*command, "--progress-bar", "off", "--require-hashes", "-r", str(self.root / lock)])
        self.log.write_bytes(output.encode())
        if not installed:
            raise Missing(pip_failure(output, lock))


def pip_failure(output: str, lock: str) -> str:
    """One sentence for what pip said in many lines."""
    errors = [line[len("ERROR: ") :] for line in output.splitlines() if line.startswith("ERROR: ")]
    reason = errors[-1] if errors else last_line(output)
    if "Retrying (" in output and "from versions: none" in output:
        return (
            f"No package index could be reached ({reason}): check the network and what `python3 -m pip config list` "
            "prints, then run: make setup"
        )
    return f"pip could not install {lock} ({reason}): see .venv/set-up.log, mend that, then run: make setup"


def link(python: str, root: Path) -> None:
    """Let this interpreter import the checkout, and give it the `gridcall` command."""
    where = "import json, sysconfig; print(json.dumps([sysconfig.get_path('purelib'), sysconfig.get_path('scripts')]))"
    packages, scripts = json.loads(subprocess.check_output([python, "-c", where]).decode())
    (Path(packages) / "gridcall.pth").write_text(f"{root}\n")
    launcher = Path(scripts) / "gridcall"
    launcher.write_text(LAUNCHER.format(python=python))
    launcher.chmod(0o755)


def run(command: List[str]) -> Tuple[bool, str]:
    """Whether it went well, and all that it said."""
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return ended.returncode == 0, ended.stdout.decode(errors="replace")


def last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def say(line: str) -> None:
    print(line, flush=True)


def main(arguments: List[str]) -> int:
    parser = argparse.ArgumentParser(description="Make .venv and fill it from a lock file.")
    parser.add_argument(
        "what", choices=[*LOCKS, "link"], help="link: let the Python that runs this import the checkout"
    )
    what = parser.parse_args(arguments).what
    root = Path(__file__).resolve().parent
    environment = Environment(root)
    try:
        if what == "link":
            link(sys.executable, root)
        elif not environment.is_ready(what):
            # Two makes at once: the second waits here, then finds the work done.
            fcntl.flock(os.open(str(root), os.O_RDONLY), fcntl.LOCK_EX)
            if not environment.is_ready(what):
                environment.set_up(what, os.environ.get("PYTHON", ""))
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up was interrupted; the next one begins afresh.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
