"""`python -m bench [NAME]`: measure all or one of what is listed below, and print what the figures hold for."""

import asyncio
import os
import platform
import sqlite3
import sys
from importlib.metadata import version

from bench import answers, claims, coverage, engine, formats, intake, live, monitors, oncall, pings, plans, to_vendor

BENCHES = {
    "intake": intake.run,
    "formats": formats.run,
    "vendor": to_vendor.run,
    "claims": claims.run,
    "engine": engine.run,
    "oncall": oncall.run,
    "coverage": coverage.run,
    "monitors": monitors.run,
    "pings": pings.run,
    "answers": answers.run,
    "live": live.run,
}
ONLY_BY_NAME = {"plans": plans.run}  # what fills a server with a million rows is not for `make bench`


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("fastapi", "starlette", "uvicorn", "sqlalchemy"))
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, CPython {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {packages}"
    )


def main() -> None:
    wanted = sys.argv[1:] or list(BENCHES)
    print(_machine())
    for name in wanted:
        known = BENCHES | ONLY_BY_NAME
        if name not in known:
            sys.exit(f"no bench called {name}: one of {', '.join(known)}")
        asyncio.run(known[name]())


if __name__ == "__main__":
    main()
