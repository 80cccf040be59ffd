"""`migrate`, `doctor` and `check` over PostgreSQL, and `serve`'s opening of it. The password is never printed."""

import json

import pytest

from app import stores
from app.cli import main
from config.settings import load_settings
from model.clock import SystemClock
from store.migrate import head
from store.postgres import PostgresDatabase
from tests import postgres

pytestmark = pytest.mark.service("postgresql")


@pytest.fixture
def empty_database(monkeypatch, tmp_path):
    with postgres.server() as server, postgres.database(server) as url:
        monkeypatch.setenv("GRIDCALL_DATABASE_URL", url)
        monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path))
        yield url


def run(capsys, *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out + captured.err


def test_migrate_makes_the_tables_once_and_doctor_and_check_find_them(empty_database, capsys):
    assert "has no tables yet" in run(capsys, "doctor")[1]
    code, output = run(capsys, "check", "--all")
    assert code != 0
    assert "is not a database of Gridcall" in output
    code, output = run(capsys, "migrate")
    assert code == 0
    assert output.strip().endswith(f"is at {head()}")
    assert "already" in run(capsys, "migrate")[1]
    found = json.loads(run(capsys, "doctor", "--json")[1])
    assert any(f["what"] == "database" and f["detail"].endswith(f"is at {head()}") for f in found["findings"])
    assert run(capsys, "check", "--all") == (0, "0 events with 0 sealed rows: unbroken\n")


def test_the_first_key_makes_the_tables(empty_database, capsys):
    code, output = run(capsys, "keys", "create", "--role", "admin", "--name", "root")
    assert (code, "gck_" in output) == (0, True)
    assert "gck_" in run(capsys, "keys", "renew", "root")[1]
    [shown] = json.loads(run(capsys, "keys", "list", "--json")[1])["keys"]
    assert (shown["name"], shown["former_until"] > shown["created_at"]) == ("root", True)
    assert run(capsys, "keys", "revoke", "root")[0] == 0
    assert "There are no keys" in run(capsys, "keys", "list")[1]


async def test_a_service_opens_it_and_makes_the_tables(empty_database, tmp_path):
    opened = stores.open_stores(load_settings(), SystemClock())
    assert isinstance(opened.database, PostgresDatabase)
    await opened.broker.close()
    await opened.database.close()
    assert not (tmp_path / "gridcall.db").exists()


@pytest.mark.parametrize("words", [("migrate",), ("check", "--all"), ("doctor",)])
def test_a_server_that_is_away_is_one_sentence(words, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("GRIDCALL_DATABASE_URL", f"postgresql://u:hush@127.0.0.1:{postgres._free_port()}/gridcall")
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path))
    code, output = run(capsys, *words)
    assert code != 0
    assert "cannot be used" in output
    assert "hush" not in output
    assert "Traceback" not in output
