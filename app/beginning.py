"""The files an installation of one's own begins with: settings, every one explained, and a roster to be changed."""

from collections.abc import Iterator
from pathlib import Path

from config import settings
from config.settings import CONFIG
from model.errors import SettingsError

EXAMPLE = Path(settings.__file__).parent / "example_roster.yaml"
SETTINGS, ROSTER, DATA = "gridcall.yaml", "roster.yaml", "var"


def begin(folder: Path) -> Iterator[str]:
    """Write both files, or none. Yields what to do next, a line each. Raises SettingsError."""
    folder = folder.absolute()
    wanted = {
        folder / SETTINGS: settings.example({"data_dir": folder / DATA, "roster": folder / ROSTER}),
        folder / ROSTER: EXAMPLE.read_text(encoding="utf-8"),
    }
    if there := [str(path) for path in wanted if path.exists()]:
        raise SettingsError(f"{' and '.join(there)} would be overwritten: name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in wanted.items():
            path.touch(mode=0o600, exist_ok=False)  # secrets and numbers come into them
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    yield f"{folder / SETTINGS} has the settings, {folder / ROSTER} an example of a roster. Put your people in, then:"
    yield f"  export {CONFIG}={folder / SETTINGS}"
    yield f"  gridcall roster check {folder / ROSTER}"
    yield "  gridcall keys create --role admin --name root    # prints its secret, once"
    yield "  gridcall doctor"
    yield "  gridcall serve"
