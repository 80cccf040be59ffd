"""Settings: environment `GRIDCALL_*` (or `GRIDCALL_*_FILE`) over the YAML file `GRIDCALL_CONFIG` over defaults."""

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import phonenumbers
from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.fields import MAX_PROBLEMS, SLUG
from config.yaml_tree import Node, parse
from model.errors import SettingsError
from model.phones import Phones
from notifiers.dialling import Dialling
from store import address
from upstream.reach import Allowed, Network

PREFIX = "GRIDCALL_"
CONFIG = f"{PREFIX}CONFIG"
_FILE = "_FILE"
_MAX_FILE_BYTES = 64_000
_BEGINNING = re.compile(r"\+[1-9][0-9]{0,14}", re.ASCII)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MIN_SECRET_CHARS = 16  # of a secret that signs
KEY_CHARS = 32  # of the installation's key, at least
# Read by the CLI and the tests.
_ELSEWHERE = {CONFIG, *(PREFIX + name for name in ("URL", "KEY"))}
_ELSEWHERE |= {f"{PREFIX}TEST_{name}" for name in ("SERVICES", "AMQP_URL", "DATABASE_URL")}


def _web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise ValueError("expected an address such as https://gridcall.example")
    return value.rstrip("/")


def _number(value: str) -> str:
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        raise ValueError("expected an E.164 number such as +13125550101") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("expected an E.164 number such as +13125550101")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _account(value: str) -> str:
    if not re.fullmatch(r"AC[0-9a-fA-F]{32}", value):
        raise ValueError("expected AC and 32 hexadecimal digits")
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
PhoneNumber = Annotated[str, AfterValidator(_number)]
AccountSid = Annotated[str, AfterValidator(_account)]
Port = Annotated[int, Field(ge=1, le=65535)]


_SQLITE = re.compile(r"sqlite:///[^?#]+")


class Settings(BaseSettings):
    """Everything one process is told at start. Frozen; made by `load_settings`, handed on as values."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, validate_default=True
    )

    data_dir: Path = Field(Path("var"), description="Folder for everything Gridcall writes.")
    http_host: str = Field("127.0.0.1", min_length=1, description="Address the API listens on.")
    http_port: Port = Field(8080, description="Port the API listens on.")
    public_url: WebAddress = Field(
        default_factory=lambda data: f"http://127.0.0.1:{data['http_port']}",
        description="Address under which vendors and people reach the API; texts link to it when it is https. "
        "http://127.0.0.1:{http_port} by default.",
    )
    callbacks: bool | None = Field(
        None,
        description="Whether vendors reach public_url. By default they do, unless it leads to this machine and Twilio "
        "and Slack are the real ones; then no key can be pressed, and Twilio is asked about calls and texts.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="postgresql://USER:PASSWORD@HOST/NAME, also with several hosts, or sqlite:///FILE; a SQLite file "
        "in data_dir by default.",
    )
    amqp_url: SecretStr | None = Field(
        None, description="amqp://USER:PASSWORD@HOST/VHOST or amqps://…, RabbitMQ; the embedded queue by default."
    )
    sandbox_port: Port = Field(8090, description="Port of the demo's stand-ins for the vendors.")
    roster: Path | None = Field(None, description="The roster file (docs/roster.md).")
    twilio_account_sid: AccountSid | None = Field(None, description="Twilio account, AC and 32 hexadecimal digits.")
    twilio_auth_token: SecretStr | None = Field(
        None,
        description="Twilio auth token; also verifies its callbacks. While it is changed, two with a comma between: "
        "the first sends, either verifies.",
    )
    twilio_from: PhoneNumber | None = Field(None, description="Caller id of calls and sender of SMS.")
    twilio_callers: str = Field(
        "",
        description="Other numbers of the account for some destinations: +44=+442079460000, +4420=…; the longest "
        "beginning of the called number that fits decides, else it is twilio_from.",
    )
    twilio_destinations: str = Field(
        "",
        description="What may be called and texted: beginnings of numbers, !before those that may not, such as +1, "
        "!+1900, +44; the longest that fits decides. By default all; premium-rate numbers never.",
    )
    twilio_base_url: WebAddress | None = Field(None, description="Where Twilio is, when it is not Twilio.")
    twilio_lines: int = Field(5, ge=1, le=10_000, description="Calls that may be in the air at once.")
    twilio_calls_per_second: float = Field(1.0, gt=0, le=1_000, description="Calls Twilio starts per second.")
    twilio_texts_per_second: float = Field(
        1.0, gt=0, le=1_000, description="Parts of texts the sender's number sends per second; plans reckon with it."
    )
    person_limits_times: int = Field(
        1, ge=1, le=1_000, description="How many times the limits of calls and messages to one person are allowed."
    )
    slack_bot_token: SecretStr | None = Field(None, description="Slack bot token, xoxb-…")
    slack_signing_secret: SecretStr | None = Field(None, description="Verifies what Slack sends us.")
    slack_app_token: SecretStr | None = Field(
        None,
        description="Slack app-level token, xapp-…, with connections:write: buttons and commands come over a "
        "connection that we open (Socket Mode), and Slack needs no public URL.",
    )
    slack_base_url: WebAddress | None = Field(None, description="Where Slack's Web API is, when it is not Slack.")
    slack_per_second: float = Field(1.0, gt=0, le=1_000, description="Slack messages per second and channel.")
    pagerduty_base_url: WebAddress | None = Field(
        None, description="Where PagerDuty's Events API is, when it is not PagerDuty."
    )
    source_secrets: SecretStr | None = Field(
        None,
        description="Secrets with which sources sign what they send, by the names the roster calls them: "
        "miso-a=whsec_…, scada=…; visible characters but commas.",
    )
    upstream_hosts: str = Field(
        "",
        description="Hosts of sources that may be asked for their history or told outcomes, with commas between; "
        "no other is reached.",
    )
    upstream_networks: str = Field(
        "",
        description="Private networks in which these hosts may be, such as 10.1.0.0/16, with commas between.",
    )
    upstream_certificate: Path | None = Field(
        None, description="PEM file with the certificate and its key that is shown to sources which ask for one."
    )
    pagerduty_webhook_secrets: SecretStr | None = Field(
        None,
        description="Secrets of PagerDuty's webhook subscriptions, with commas between: of several, or the old and the "
        "new one. They verify what it sends us.",
    )
    webhook_secret: SecretStr | None = Field(
        None, description="Signs the webhooks we send (Standard Webhooks): whsec_ and base64 of 24 to 64 bytes."
    )
    webhook_hosts: str = Field(
        "",
        pattern=r"^([a-z0-9.-]+(,[a-z0-9.-]+)*)?$",
        description="Hosts to which webhooks may go without https or in a private network, with commas between.",
    )
    max_body_bytes: int = Field(
        1_000_000, ge=1_000, le=100_000_000, description="Larger request bodies are refused with 413."
    )
    queue_depth_limit: int = Field(
        100_000, ge=1, le=100_000_000, description="Messages the queue holds before the API answers 503."
    )
    queue_bytes_limit: int = Field(
        512_000_000,
        ge=1_000_000,
        le=1_000_000_000_000,
        description="Bytes of messages the embedded queue or a spool holds before the API answers 503: they are in "
        "memory, too.",
    )
    installation_key: SecretStr | None = Field(
        None,
        description="At least 32 characters. Signs delivery ids and links; made at first start and kept in data_dir by "
        "default.",
    )
    help_callback_number: PhoneNumber | None = Field(
        None, description="Number told to those who need a person, where somebody answers; none is told without it."
    )
    evidence_days: int = Field(
        2557, ge=1, le=36_525, description="Days after which an event is deleted with everything known of it."
    )
    vendor_body_days: int = Field(
        396, ge=1, le=36_525, description="Days after which what vendors sent about calls and texts is blanked."
    )
    otel_endpoint: WebAddress | None = Field(
        default_factory=lambda: os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
        description="Where traces go, OTLP over HTTP, such as http://collector:4318; OTEL_EXPORTER_OTLP_ENDPOINT by "
        "default, and without either there are none. Needs the extra `otel`.",
    )
    all_silent_share: float = Field(
        0.5, ge=0, le=1, description="More than this share of the sources silent together is one alarm, about our link."
    )
    canary_seconds: float = Field(
        60.0, ge=0, le=600, description="How often Gridcall sends itself a message that calls nobody; 0 for never."
    )
    canary_url: WebAddress | None = Field(
        None, description="Where it sends that: by default to public_url, as upstream systems do."
    )
    vendor_check_seconds: float = Field(
        600.0, ge=0, le=86_400, description="How often Slack, Twilio and PagerDuty are asked if they know us; 0: never."
    )
    watch_duty: SecretStr | None = Field(
        None,
        description="Who is called when Gridcall itself is not well, in order: Ana=+13125550101, Ben=+13125550102.",
    )
    watch_after_seconds: float = Field(30.0, ge=1, le=600, description="Not well for so long, and they are called.")
    watch_rank: int = Field(
        0, ge=0, le=9, description="Of several hosts that watch, each waits a minute longer for every rank."
    )
    watch_pagerduty_key: SecretStr | None = Field(
        None, description="Routing key of the PagerDuty service that is alerted when Gridcall itself is not well."
    )
    watch_slack_channel: str | None = Field(None, description="Channel id to which that is posted.")
    watch_switch_url: WebAddress | None = Field(
        None, description="A dead-man's switch: who watches asks for it each minute while all is well."
    )
    watch_public_url: WebAddress | None = Field(
        None, description="Address under which Twilio reaches who watches: then a press of 1 in its calls is heard."
    )
    watch_port: Port = Field(8089, description="Port on which who watches listens for that, at http_host.")
    watch_twilio_account_sid: AccountSid | None = Field(
        None, description="Twilio account that calls the duty list; by default the one that calls about events."
    )
    watch_twilio_auth_token: SecretStr | None = Field(None, description="Its auth token.")
    watch_twilio_from: PhoneNumber | None = Field(None, description="Caller id of those calls and texts.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["console", "json"] = Field("console", description="Log lines for people or for machines.")

    @property
    def dialling(self) -> Dialling | None:
        """Who may be called, and from which of our numbers; None where Twilio is not set up."""
        if self.twilio_from is None:
            return None
        return Dialling(self.twilio_from, callers(self.twilio_callers), destinations(self.twilio_destinations))

    @property
    def phones(self) -> Phones:
        """What the account for calls and texts allows."""
        return Phones(self.twilio_lines, self.twilio_calls_per_second, self.twilio_texts_per_second)

    @property
    def called_back(self) -> bool:
        """Vendors reach us, as far as is known."""
        if self.callbacks is not None:
            return self.callbacks
        stand_ins = self.twilio_base_url is not None or self.slack_base_url is not None
        return stand_ins or urlsplit(self.public_url).hostname not in LOOPBACK

    @property
    def database_placed(self) -> bool:
        """Somebody said where the database is; else it is in a folder of wherever the command was typed."""
        return self.database_url is not None or "data_dir" in self.model_fields_set

    @property
    def signing_secrets(self) -> dict[str, str]:
        """By their names."""
        return named_secrets(self.source_secrets.get_secret_value()) if self.source_secrets else {}

    @property
    def upstream_allowed(self) -> Allowed:
        """Whom sources' URLs may lead to."""
        hosts = frozenset(filter(None, (host.strip().lower() for host in self.upstream_hosts.split(","))))
        return Allowed(hosts, _networks(self.upstream_networks))

    @property
    def pagerduty_secrets(self) -> tuple[str, ...]:
        """Each of `pagerduty_webhook_secrets`."""
        return _each(self.pagerduty_webhook_secrets)

    @property
    def twilio_tokens(self) -> tuple[str, ...]:
        """Each of `twilio_auth_token`: the first sends."""
        return _each(self.twilio_auth_token)

    @property
    def webhook_names(self) -> frozenset[str]:
        """Each of `webhook_hosts`."""
        return frozenset(filter(None, self.webhook_hosts.split(",")))

    @property
    def for_watch(self) -> "Settings":
        """These settings as whoever watches Gridcall itself needs them: with an account of its own, if it has one."""
        if self.watch_twilio_account_sid is None:
            return self
        names = ("twilio_account_sid", "twilio_auth_token", "twilio_from")
        own = {name: getattr(self, f"watch_{name}") for name in names}
        return self.model_copy(update=own | {"twilio_callers": ""})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The first that gives a value wins."""
        return init_settings, _NamedFiles(settings_cls), env_settings, _ConfigFile(settings_cls)

    @field_validator("*", mode="before")
    @classmethod
    def _usable(cls, value: Any) -> Any:
        if isinstance(value, _Unusable):
            raise ValueError(value.why)
        return value

    @field_validator("amqp_url")
    @classmethod
    def _rabbitmq(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"amqps?://[^\s/?#]+(/[^\s#]*)?", value.get_secret_value()):
            raise ValueError("expected an address such as amqps://gridcall:PASSWORD@rabbitmq.example/gridcall")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _SQLITE.fullmatch(url := value.get_secret_value()):
            certificate = address.read(url).root_certificate
            if certificate and not Path(certificate).is_file():
                raise ValueError("sslrootcert: expected a file that exists")
        return value

    @field_validator("roster")
    @classmethod
    def _roster_exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("expected a file that exists")
        return value

    @field_validator(
        "twilio_auth_token",
        "watch_twilio_auth_token",
        "slack_bot_token",
        "slack_signing_secret",
        "slack_app_token",
        "pagerduty_webhook_secrets",
        "installation_key",
    )
    @classmethod
    def _one_word(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("expected visible ASCII characters without spaces")
        if value is not None and not value.get_secret_value().strip(","):  # a template of which each part is empty
            raise ValueError("expected more than commas")
        return value

    @field_validator("installation_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < KEY_CHARS:
            raise ValueError(f"expected at least {KEY_CHARS} characters")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _signs_webhooks(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _webhook_key(value.get_secret_value()):
            raise ValueError("expected whsec_ and base64 of 24 to 64 bytes")
        return value

    @field_validator("watch_duty")
    @classmethod
    def _duty_readable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            duty_list(value.get_secret_value())
        return value

    @field_validator("twilio_callers")
    @classmethod
    def _callers_readable(cls, value: str) -> str:
        callers(value)
        return value

    @field_validator("twilio_destinations")
    @classmethod
    def _destinations_readable(cls, value: str) -> str:
        destinations(value)
        return value

    @field_validator("upstream_networks")
    @classmethod
    def _networks_readable(cls, value: str) -> str:
        _networks(value)
        return value

    @field_validator("source_secrets")
    @classmethod
    def _secrets_readable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            named_secrets(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _vendors_whole(self) -> "Settings":
        """A vendor half set up would fail with the first event, not at start."""
        for vendor in (
            ("twilio_account_sid", "twilio_auth_token", "twilio_from"),
            ("watch_twilio_account_sid", "watch_twilio_auth_token", "watch_twilio_from"),
            self._slack_whole(),
        ):
            missing = [_variable(name) for name in vendor if getattr(self, name) is None]
            if missing and len(missing) < len(vendor):
                given = ", ".join(_variable(name) for name in vendor if getattr(self, name) is not None)
                raise ValueError(f"{given} without {', '.join(missing)}: give all or none")
        return self

    def _slack_whole(self) -> tuple[str, ...]:
        """Whoever opens the connection itself need not verify what comes over it."""
        if self.slack_app_token is not None and self.slack_signing_secret is None:
            return ("slack_bot_token", "slack_app_token")
        return ("slack_bot_token", "slack_signing_secret")


def _each(secrets: SecretStr | None) -> tuple[str, ...]:
    """Those that stand there with commas between."""
    return tuple(filter(None, secrets.get_secret_value().split(","))) if secrets else ()


def callers(text: str) -> dict[str, str]:
    """Our number by the beginning of those that are called from it. Raises ValueError."""
    found: dict[str, str] = {}
    for one in filter(None, map(str.strip, text.split(","))):
        prefix, _, number = (part.strip() for part in one.partition("="))
        if not _BEGINNING.fullmatch(prefix) or prefix in found:
            raise ValueError("expected +44=+442079460000 and a comma between two, each beginning once")
        found[prefix] = _number(number)
    return found


def destinations(text: str) -> dict[str, bool]:
    """Whether numbers that begin so may be called. Raises ValueError."""
    found: dict[str, bool] = {}
    for one in filter(None, map(str.strip, text.split(","))):
        prefix = one.removeprefix("!")
        if not _BEGINNING.fullmatch(prefix) or prefix in found:
            raise ValueError("expected beginnings of numbers such as +1, !+1900, each once")
        found[prefix] = not one.startswith("!")
    return found


def _networks(text: str) -> tuple[Network, ...]:
    """Raises ValueError."""
    return tuple(ip_network(one) for one in map(str.strip, text.split(",")) if one)


def _webhook_key(secret: str) -> bool:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return secret.startswith("whsec_") and 24 <= len(key) <= 64


def duty_list(text: str) -> list[tuple[str, str]]:
    """(name, E.164 number) of each, in their order. Raises ValueError, which quotes no number."""
    found = []
    for place, one in enumerate(text.split(","), start=1):
        name, _, number = (part.strip() for part in one.partition("="))
        if not name or not number:
            raise ValueError(f"expected Name=+13125550101 and a comma between two, not so in place {place}")
        found.append((name, _number(number)))
    return found


def named_secrets(text: str) -> dict[str, str]:
    """Each secret by its name. Raises ValueError, which quotes no secret."""
    found: dict[str, str] = {}
    for place, one in enumerate(text.split(","), start=1):
        name, _, secret = (part.strip() for part in one.partition("="))
        if not SLUG.fullmatch(name) or not re.fullmatch(r"[!-~]+", secret):
            raise ValueError(f"expected name=secret and a comma between two, not so in place {place}")
        if len(secret) < MIN_SECRET_CHARS:
            raise ValueError(f"expected secrets of at least {MIN_SECRET_CHARS} characters, not so in place {place}")
        if name in found:
            raise ValueError(f"expected each name once, not so in place {place}")
        found[name] = secret
    return found


def load_settings(**given: Any) -> Settings:
    """Settings from `given` over environment, files and defaults.

    Raises SettingsError with every problem, each `GRIDCALL_NAME (where it came from): what was expected`. What was
    found is quoted only where it cannot be a secret.
    """
    try:
        return Settings(**given)
    except ValidationError as e:
        lines = [_sentence(p, given) for p in e.errors() if p["type"] != "default_factory_not_called"]
        raise SettingsError("\n".join(lines[:MAX_PROBLEMS])) from None


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """(name, value with secrets masked, where it came from by the present environment) of every setting."""
    return [(_variable(name), str(getattr(settings, name)), origin(name)) for name in Settings.model_fields]


def origin(name: str) -> str:
    """Where the setting `name` comes from: "environment", "file …", "gridcall.yaml:3" or "default"."""
    if os.environ.get(_variable(name)):
        return "environment"
    if path := os.environ.get(_variable(name) + _FILE):
        return f"file {path}"
    config = _config_nodes()
    return f"{os.environ[CONFIG]}:{config[name].line}" if name in config else "default"


def unknown_variables() -> list[str]:
    """Variables of the environment that look like settings and are none, perhaps misspelt: worth a warning.

    Not an error: orchestrators put variables there that begin with a service's name.
    """
    known = {_variable(name) + end for name in Settings.model_fields for end in ("", _FILE)} | _ELSEWHERE
    return sorted(v for v in os.environ if v.startswith(PREFIX) and v not in known)


def table() -> str:
    """All settings as a Markdown table, as it stands in docs/settings.md."""
    rows = (f"| `{_variable(n)}` | {_default(f)} | {f.description} |" for n, f in Settings.model_fields.items())
    return "\n".join(("| variable | default | what it is |", "| --- | --- | --- |", *rows))


def example(given: Mapping[str, object]) -> str:
    """A file for `GRIDCALL_CONFIG`: `given` is set, every other setting is there as a comment."""
    lines = [
        f"# Settings of Gridcall: the file that {CONFIG} names. A line without # counts; a variable such as",
        f"# {_variable('http_port')} in the environment counts more. Secrets are better kept in files of their own:",
        f"# {_variable('twilio_auth_token')}{_FILE}=/run/secrets/twilio. docs/settings.md says more.",
    ]
    for name, field in Settings.model_fields.items():
        value = f"{name}: {json.dumps(str(given[name]))}" if name in given else f"# {name}: {_written(field)}".rstrip()
        lines += ["", f"# {field.description}", value]
    return "\n".join(lines) + "\n"


def _written(field: FieldInfo) -> str:
    return "" if field.default in (None, PydanticUndefined) else str(field.default)


def _default(field: FieldInfo) -> str:
    return f"`{found}`" if (found := _written(field)) else ""


class _Source(PydanticBaseSettingsSource):
    """A source that gives its values all at once."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError("asked for all values at once")


@dataclass(frozen=True)
class _Unusable:
    """Stands in for a value its source could not give, so that it is listed with all other problems."""

    why: str


class _NamedFiles(_Source):
    """`GRIDCALL_X_FILE` names a file that holds the value of `GRIDCALL_X`, as secret stores mount them."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name in Settings.model_fields if (value := self._value(_variable(name))) is not None}

    def _value(self, variable: str) -> str | _Unusable | None:
        if not (path := os.environ.get(variable + _FILE)):
            return None
        if os.environ.get(variable):
            return _Unusable(f"{variable}{_FILE} is given too: give only one of them")
        try:
            return _text(Path(path)).strip() or None
        except SettingsError as e:
            return _Unusable(str(e))


class _ConfigFile(_Source):
    """The YAML file that `GRIDCALL_CONFIG` names: setting names in small letters, without prefix."""

    def __call__(self) -> dict[str, Any]:
        return {
            name: node.value if isinstance(node.value, str) else _Unusable("expected a single value")
            for name, node in _config_nodes().items()
            if node.value is not None
        }


def _config_nodes() -> Mapping[str, Node]:
    path = os.environ.get(CONFIG)
    if not path:
        return {}
    root = parse(_text(Path(path)), path)
    if root.value is None:
        return {}
    if not isinstance(root.value, Mapping):
        raise SettingsError(f"{path}:1: expected settings of the shape name: value")
    return root.value


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        if len(content) > _MAX_FILE_BYTES:
            raise SettingsError(f"{path} has more than {_MAX_FILE_BYTES} bytes")
        return content.decode()
    except OSError as e:
        raise SettingsError(f"{path} cannot be read: {e.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text") from None


def _variable(name: str) -> str:
    return PREFIX + name.upper()


# Addresses of servers may carry a password; a secret may have been put where the account belongs.
_NEVER_QUOTED = frozenset({"database_url", "amqp_url", "twilio_account_sid"})


def _sentence(problem: ErrorDetails, given: Mapping[str, Any]) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else ""
    what = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"{name} ({origin(name)}): unknown setting"
    if not name:
        return what
    where = "given" if name in given else origin(name)
    return f"{_variable(name)} ({where}): {what}{_found(name, problem['input'])}"


def _found(name: str, value: Any) -> str:
    if isinstance(value, _Unusable):
        return ""
    secret = name in _NEVER_QUOTED or "SecretStr" in str(Settings.model_fields[name].annotation)
    return "" if secret else f', found "{value}"'
