"""`gridcall init` and `keys`: from an empty folder to a service that somebody has a key for."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from app import host_keys, keeping
from app.beginning import EXAMPLE
from app.cli import main
from app.rosters import load_rosters
from app.serve import DEMO_ROSTER, read_roster
from app.stores import database_place
from config.keys import Role
from config.settings import Settings, load_settings
from model.clock import SystemClock
from model.errors import SettingsError
from store import audit, contacts
from store.contacts import Contact
from store.rosters import KeyRow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of an installation that was begun and never started."""
    with pytest.raises(SystemExit):
        main(["init", str(tmp_path / "new")])
    monkeypatch.setenv("GRIDCALL_CONFIG", str(tmp_path / "new" / "gridcall.yaml"))
    return tmp_path / "new"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


async def opened(folder: Path):
    database = database_place(load_settings()).open()
    try:
        return await load_rosters(database, read_roster(folder / "roster.yaml"), SystemClock().now(), demo=False)
    finally:
        await database.close()


def test_init_writes_what_can_be_used_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings()
    assert (settings.data_dir, settings.roster) == (folder / "var", folder / "roster.yaml")
    assert {**Settings(data_dir=folder / "var", roster=folder / "roster.yaml").model_dump()} == settings.model_dump()
    told = (folder / "gridcall.yaml").read_text()
    assert [name for name in Settings.model_fields if f"\n# {name}:" not in told and f"\n{name}:" not in told] == []
    assert run(capsys, "roster", "check", str(folder / "roster.yaml"))[0] == 0
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("there", ["gridcall.yaml", "roster.yaml"])
def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], there: str) -> None:
    (tmp_path / there).write_text("mine")
    code, _, told = run(capsys, "init", str(tmp_path))
    assert (code, f"{there} would be overwritten" in told) == (2, True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "mine")]


async def test_the_first_key_is_made_before_the_first_start(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "keys", "create", "--role", "admin", "--name", "root")
    assert code == 0
    secret = out.strip()  # nothing else is on standard output
    assert "\n" not in secret
    rosters = await opened(folder)
    assert rosters.key(f"Bearer {secret}", SystemClock().now()).caller.role is Role.ADMIN
    assert secret.encode() not in b"".join(path.read_bytes() for path in (folder / "var").iterdir())
    rows = database_place(load_settings()).look(lambda conn: audit.newest(conn, 10))
    assert [(row.who.actor, row.changed.text) for row in rows if row.changed.what == "keys/root"] == [
        ("host", "add key root (admin)")
    ]


async def test_renewed_and_revoked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run(capsys, "keys", "create", "--role", "admin", "--name", "root", "--days", "30")[1].strip()
    second = run(capsys, "keys", "renew", "root")[1].strip()
    rosters, now = await opened(folder), SystemClock().now()
    assert [rosters.key(f"Bearer {s}", now).caller.key_id for s in (first, second)] == ["root", "root"]
    [shown] = json.loads(run(capsys, "keys", "list", "--json")[1])["keys"]
    assert (shown["name"], shown["role"], shown["last_used_at"]) == ("root", "admin", None)
    assert shown["expires_at"] > shown["former_until"] > shown["created_at"]
    third = run(capsys, "keys", "renew", "root", "--keep-hours", "0")[1].strip()
    rosters = await opened(folder)
    assert rosters.key(f"Bearer {third}", now).caller.key_id == "root"
    with pytest.raises(Exception, match="not known"):
        rosters.key(f"Bearer {second}", now)
    assert run(capsys, "keys", "revoke", "root")[0] == 0
    assert "gridcall keys create" in run(capsys, "keys", "list")[1]
    code, _, told = run(capsys, "keys", "revoke", "root")
    assert (code, told) == (2, "there is no key root; there are: none yet\n")


async def test_an_expired_key_needs_another_end(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = SystemClock().now()
    database_place(load_settings()).upgrade()
    old = KeyRow(id="gw", sha256="", role="admin", expires_at=now - timedelta(days=1))
    host_keys.create(load_settings(), old, now - timedelta(days=2))
    assert "gw: expired; gridcall keys revoke NAME, or renew NAME --days 365" in run(capsys, "doctor")[1]
    code, out, told = run(capsys, "keys", "renew", "gw")
    assert (code, out, "--days" in told) == (2, "", True)
    secret = run(capsys, "keys", "renew", "gw", "--days", "30")[1].strip()
    assert (await opened(folder)).key(f"Bearer {secret}", now).caller.key_id == "gw"


def test_what_cannot_be_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "keys", "create", "--role", "king", "--name", "k")[0] == 2
    code, out, told = run(capsys, "keys", "create", "--role", "upstream", "--name", "k", "--source", "nowhere")
    assert (code, out, told) == (2, "", "source: expected the name of a source of the roster\n")
    run(capsys, "keys", "create", "--role", "admin", "--name", "k")
    assert "there is a key k already" in run(capsys, "keys", "create", "--role", "admin", "--name", "k")[2]


def test_doctor_says_when_nobody_has_a_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nobody has one" in run(capsys, "doctor")[1]
    run(capsys, "keys", "create", "--role", "admin", "--name", "root")
    assert "nobody has one" not in run(capsys, "doctor")[1]


async def test_doctor_says_whose_numbers_are_not_verified(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "migrate")
    assert "2 of 2 numbers and Slack users are not verified, of ana, ben" in run(capsys, "doctor")[1]
    sure = Contact(address="+13125550101", verified_at=SystemClock().now())
    database_place(load_settings()).change(lambda conn: contacts.put(conn, sure))
    assert "1 of 2 numbers and Slack users are not verified, of ben" in run(capsys, "doctor")[1]


async def test_a_file_without_keys_leaves_them_but_for_a_demos(folder: Path) -> None:
    """Whoever tried the demo in the same folder can go on with a roster of their own."""
    settings, now = load_settings(), SystemClock().now()
    database_place(settings).upgrade()
    database = database_place(settings).open()
    await load_rosters(database, read_roster(DEMO_ROSTER), now, demo=True)
    await database.close()
    host_keys.create(settings, KeyRow(id="own", sha256="", role="admin"), now)
    keeping.load(settings, read_roster(folder / "roster.yaml"), now)
    assert [key.id for key in (await opened(folder)).known.keys] == ["own"]


async def test_a_file_cannot_take_the_source_of_a_key_that_stays(folder: Path) -> None:
    settings, now = load_settings(), SystemClock().now()
    file = folder / "roster.yaml"
    database_place(settings).upgrade()
    keeping.load(settings, read_roster(file), now)
    host_keys.create(settings, KeyRow(id="gw", sha256="", role="upstream", source="miso"), now)
    file.write_text(file.read_text().partition("\nsources:")[0])
    with pytest.raises(SettingsError, match="key gw belongs to source miso: revoke the key first"):
        keeping.load(settings, read_roster(file), now)


COMMANDS = (("keys", "create", "--role", "admin", "--name", "root"), ("roster", "load", str(EXAMPLE)))


@pytest.mark.parametrize("words", COMMANDS)
def test_nothing_is_made_in_a_folder_that_nobody_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """Typed on a host without the settings of what runs there: the key would open nothing."""
    monkeypatch.chdir(tmp_path)
    code, out, told = run(capsys, *words)
    assert (code, out, list(tmp_path.iterdir())) == (2, "", [])
    assert f"there is no database of Gridcall at {tmp_path}/var/gridcall.db, and none of GRIDCALL_DATABASE_URL" in told
    assert run(capsys, "migrate")[1].startswith(
        f"{tmp_path}/var/gridcall.db is made, since GRIDCALL_DATABASE_URL is not set\n"
    )
    code, out, told = run(capsys, *words)
    assert (code, f"kept in {tmp_path}/var/gridcall.db" in out + told) == (0, True)


def test_it_is_said_which_database_is_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = f"{folder}/var/gridcall.db is made, since GRIDCALL_DATABASE_URL is not set\n"
    assert made in run(capsys, "keys", "create", "--role", "admin", "--name", "root")[2]
    assert "is made" not in run(capsys, "keys", "create", "--role", "admin", "--name", "other")[2]
    assert "is made" not in run(capsys, "migrate")[1]
