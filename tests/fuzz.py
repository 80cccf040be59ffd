"""`python -m tests.fuzz FORMAT SECONDS`: coverage-guided fuzzing of one format's reader, by atheris.

Not part of any suite: atheris is installed by hand (`.venv/bin/python -m pip install atheris`; not every Python has a
build). A crash is a body that made the reader raise, or answer nothing, or something that cannot be stored; the file
that atheris then writes is the bug report: make it a case of tests/unit/intake.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

MAX_BYTES = 256 * 1024


def main() -> None:
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: .venv/bin/python -m pip install atheris")
    with atheris.instrument_imports(include=["intake", "model"]):
        from intake.read import FORMATS
        from tests.samples import SAMPLES, sample
        from tests.services import SERVICES
        from tests.unit.intake.test_never_raises import check
    if len(sys.argv) != 3 or sys.argv[1] not in FORMATS or not sys.argv[2].isdecimal():
        sys.exit(f"python -m tests.fuzz FORMAT SECONDS, FORMAT one of {', '.join(sorted(FORMATS))}")
    name, seconds = sys.argv[1:]
    headers = {"content-type": "application/json"}
    folder = SERVICES["samples"].find()
    with TemporaryDirectory() as corpus:
        for known in SAMPLES if isinstance(folder, Path) else ():
            said = sample(folder, known)
            if said.format == name:
                (Path(corpus) / known).write_bytes(said.body)
        limits = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-timeout=5", "-rss_limit_mb=2048"]
        atheris.Setup([sys.argv[0], *limits, corpus], lambda body: check(body, headers, name))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
