"""Settings: which source wins, and everything that is wrong at once, without quoting a secret."""

from pathlib import Path

import pytest

from config.settings import Settings, describe, load_settings, origin, table, unknown_variables
from model.errors import SettingsError

DOC = Path(__file__).parents[3] / "docs" / "settings.md"
SID = "AC" + "0" * 32
TWILIO = {"twilio_account_sid": SID, "twilio_auth_token": "token", "twilio_from": "+13125550100"}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own comes in."""
    import os

    for name in list(os.environ):
        if name.upper().startswith("GRIDCALL_"):
            monkeypatch.delenv(name)


def problems(**given: object) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load_settings(**given)
    return str(refused.value).splitlines()


def test_defaults():
    settings = load_settings()
    assert (settings.data_dir, settings.http_host, settings.http_port) == (Path("var"), "127.0.0.1", 8080)
    assert settings.public_url == "http://127.0.0.1:8080"
    assert (settings.database_url, settings.amqp_url, settings.roster) == (None, None, None)
    assert (settings.twilio_lines, settings.twilio_calls_per_second, settings.slack_per_second) == (5, 1.0, 1.0)
    assert (settings.max_body_bytes, settings.queue_depth_limit) == (1_000_000, 100_000)


def test_public_url_follows_the_port(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRIDCALL_HTTP_PORT", "8123")
    assert load_settings().public_url == "http://127.0.0.1:8123"
    monkeypatch.setenv("GRIDCALL_PUBLIC_URL", "https://gridcall.example/")
    assert load_settings().public_url == "https://gridcall.example"


def test_given_over_environment_over_file_over_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    config = tmp_path / "gridcall.yaml"
    config.write_text("# ours\nhttp_port: 1001\ntwilio_lines: 7\nlog_format: json\nlog_level:\n")
    monkeypatch.setenv("GRIDCALL_CONFIG", str(config))
    monkeypatch.setenv("GRIDCALL_HTTP_PORT", "1002")
    monkeypatch.setenv("GRIDCALL_SANDBOX_PORT", "1003")
    settings = load_settings(sandbox_port=1004)
    assert (settings.http_port, settings.twilio_lines, settings.log_format) == (1002, 7, "json")
    assert (settings.sandbox_port, settings.log_level) == (1004, "info")
    assert origin("http_port") == "environment"
    assert origin("twilio_lines") == f"{config}:3"
    assert origin("data_dir") == "default"


def test_a_value_from_a_named_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    secret = tmp_path / "token"
    secret.write_text("hush\n")
    monkeypatch.setenv("GRIDCALL_TWILIO_AUTH_TOKEN_FILE", str(secret))
    settings = load_settings(twilio_account_sid=SID, twilio_from="+1 312 555 0100")
    assert settings.twilio_auth_token.get_secret_value() == "hush"
    assert settings.twilio_from == "+13125550100"
    assert origin("twilio_auth_token") == f"file {secret}"


def test_empty_is_not_given(monkeypatch: pytest.MonkeyPatch):
    """Compose files hand on variables nobody set as empty ones."""
    monkeypatch.setenv("GRIDCALL_TWILIO_AUTH_TOKEN", "")
    monkeypatch.setenv("GRIDCALL_HTTP_PORT_FILE", "")
    assert load_settings().twilio_auth_token is None


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"http_port": "80a"}, "GRIDCALL_HTTP_PORT (given): Input should be a valid integer"),
        ({"webhook_secret": "whsec_c2hvcnQ="}, "GRIDCALL_WEBHOOK_SECRET (given): expected whsec_ and base64 of 24"),
        ({"webhook_hosts": "https://scada"}, "GRIDCALL_WEBHOOK_HOSTS (given): String should match pattern"),
        ({"http_port": 0}, 'GRIDCALL_HTTP_PORT (given): Input should be greater than or equal to 1, found "0"'),
        (
            {"public_url": "gridcall.example"},
            "GRIDCALL_PUBLIC_URL (given): expected an address such as https://gridcall",
        ),
        (
            {"twilio_from": "555"},
            'GRIDCALL_TWILIO_FROM (given): expected an E.164 number such as +13125550101, found "555"',
        ),
        ({"twilio_lines": 0}, "GRIDCALL_TWILIO_LINES (given)"),
        ({"twilio_calls_per_second": 0}, "GRIDCALL_TWILIO_CALLS_PER_SECOND (given)"),
        ({"log_format": "xml"}, "GRIDCALL_LOG_FORMAT (given)"),
        ({"roster": "/nowhere/roster.yaml"}, "GRIDCALL_ROSTER (given): expected a file that exists"),
        (
            {"amqp_url": "http://u:hush@h"},
            "GRIDCALL_AMQP_URL (given): expected an address such as amqps://gridcall:PASSWORD@rabbitmq.example/gridcall",
        ),
        ({"database_url": "mysql://u:hush@h/d"}, "GRIDCALL_DATABASE_URL (given): expected postgresql://USER"),
        ({"database_url": "postgresql://u:hush@h"}, "GRIDCALL_DATABASE_URL (given): expected postgresql://USER"),
        (
            {"database_url": "postgresql://u:hush@a,b/d?sslmod=hush"},
            "GRIDCALL_DATABASE_URL (given): unknown parameter sslmod; allowed are host, port, user, password,",
        ),
        (
            {"database_url": "postgresql://u:hush@h/d?ssl=verify-full&sslrootcert=/nowhere/hush.pem"},
            "GRIDCALL_DATABASE_URL (given): sslrootcert: expected a file that exists",
        ),
        ({"slack_bot_token": "hush hush"}, "GRIDCALL_SLACK_BOT_TOKEN (given): expected visible ASCII characters"),
        ({"twilio_auth_token": ","}, "GRIDCALL_TWILIO_AUTH_TOKEN (given): expected more than commas"),
        ({"twilio_account_sid": "hush"}, "GRIDCALL_TWILIO_ACCOUNT_SID (given): expected AC and 32 hexadecimal digits"),
        (
            {"twilio_account_sid": SID},
            "GRIDCALL_TWILIO_ACCOUNT_SID without GRIDCALL_TWILIO_AUTH_TOKEN, GRIDCALL_TWILIO_FROM: give all or none",
        ),
        (
            {"slack_bot_token": "xoxb-1"},
            "GRIDCALL_SLACK_BOT_TOKEN without GRIDCALL_SLACK_SIGNING_SECRET: give all or none",
        ),
    ],
)
def test_refused(given: dict[str, object], problem: str):
    [found] = problems(**given)
    assert found.startswith(problem)
    assert "hush" not in found


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////data/gridcall.db",
        "postgresql://gridcall:hush@db.example:5432/gridcall?ssl=require",
        "postgres://gridcall@db.example/gridcall",
        "postgresql:///gridcall?host=/var/run/postgresql",
        "postgresql+asyncpg://gridcall:hush@/gridcall?host=a:5432&host=b:5432",
        f"postgresql://gridcall:hush@a,b/gridcall?sslmode=verify-full&sslrootcert={__file__}",
    ],
)
def test_databases_that_may_be_named(url: str):
    settings = load_settings(database_url=url)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == url
    assert "hush" not in str(describe(settings)) + repr(settings)


def test_every_problem_at_once_with_where_it_came_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    config, secret = tmp_path / "gridcall.yaml", tmp_path / "secret"
    config.write_text("log_level: loud\nhtpp_port: 1\ntwilio_lines: [1]\n")
    secret.write_text("x")
    monkeypatch.setenv("GRIDCALL_CONFIG", str(config))
    monkeypatch.setenv("GRIDCALL_HTTP_PORT", "hello")
    monkeypatch.setenv("GRIDCALL_SLACK_BOT_TOKEN_FILE", "/nowhere/token")
    monkeypatch.setenv("GRIDCALL_SLACK_SIGNING_SECRET", "a")
    monkeypatch.setenv("GRIDCALL_SLACK_SIGNING_SECRET_FILE", str(secret))
    found = "\n".join(problems())
    assert found.count("\n") == 5
    assert "GRIDCALL_HTTP_PORT (environment): Input should be a valid integer" in found
    assert "GRIDCALL_SLACK_BOT_TOKEN (file /nowhere/token): /nowhere/token cannot be read" in found
    assert "GRIDCALL_SLACK_SIGNING_SECRET_FILE is given too: give only one of them" in found
    assert f"GRIDCALL_LOG_LEVEL ({config}:1): Input should be 'debug'" in found
    assert f"htpp_port ({config}:2): unknown setting" in found
    assert f"GRIDCALL_TWILIO_LINES ({config}:3): expected a single value" in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "not YAML"),
        ("[]", "expected settings"),
        ("http_port: 1\nhttp_port: 2", "given twice"),
        (None, "cannot be"),
    ],
)
def test_config_file_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, problem: str
):
    config = tmp_path / "gridcall.yaml"
    if text is not None:
        config.write_text(text)
    monkeypatch.setenv("GRIDCALL_CONFIG", str(config))
    assert problem in problems()[0]


def test_secrets_are_masked_in_every_print(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRIDCALL_INSTALLATION_KEY", "hush-1" * 6)
    settings = load_settings(**TWILIO | {"twilio_auth_token": "hush-2"})
    shown = repr(settings) + str(settings) + str(describe(settings)) + settings.model_dump_json()
    assert "hush" not in shown
    assert ("GRIDCALL_INSTALLATION_KEY", "**********", "environment") in describe(settings)


def test_misspelt_variables_are_found(monkeypatch: pytest.MonkeyPatch):
    for name in (
        "GRIDCALL_SLACK_TOKEN",
        "GRIDCALL_HTTP_PORT",
        "GRIDCALL_HTTP_PORT_FILE",
        "GRIDCALL_CONFIG",
        "GRIDCALL_URL",
    ):
        monkeypatch.setenv(name, "")
    assert unknown_variables() == ["GRIDCALL_SLACK_TOKEN"]


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        ({}, False),
        ({"public_url": "http://localhost:9"}, False),
        ({"public_url": "https://gridcall.example"}, True),
        ({"twilio_base_url": "http://127.0.0.1:8090/twilio"}, True),
        ({"public_url": "https://gridcall.inside.example", "callbacks": False}, False),
        ({"callbacks": True}, True),
    ],
)
def test_whether_vendors_reach_us(given: dict[str, object], reached: bool) -> None:
    """They reach nothing of this machine unless they are on it themselves; who knows better may say so."""
    assert load_settings(**given).called_back is reached


def test_each_setting_is_described_and_the_documentation_is_up_to_date():
    assert all(f.description for f in Settings.model_fields.values())
    assert table() in DOC.read_text()


def test_an_empty_file_is_as_good_as_none(tmp_path, monkeypatch):
    """A secret that an installation does not have may be mounted empty."""
    (tmp_path / "token").write_text("\n")
    monkeypatch.setenv("GRIDCALL_TWILIO_AUTH_TOKEN_FILE", str(tmp_path / "token"))
    assert load_settings().twilio_auth_token is None
