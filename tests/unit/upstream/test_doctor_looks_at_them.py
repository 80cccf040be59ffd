"""Whom sources' URLs may lead to stands in the settings: `gridcall doctor` says where the roster asks for more."""

from pathlib import Path

from app import doctor
from config.settings import load_settings
from tests.app_fixture import ROSTER
from tests.unit.upstream.test_outcomes import SECRET

SOURCES = """
sources:
  mui: {name: MUI, format: miso-mui, history: {url: "https://mui.example.com/dart2", participant: ACME}}
  hooks: {name: Hooks, callback: {url: "https://hooks.example.com/", secret: told}}
"""


def findings(folder: Path, **settings: str) -> dict[str, str]:
    (folder / "roster.yaml").write_text(ROSTER.read_text().replace("\nsources:\n", SOURCES, 1))
    loaded = load_settings(data_dir=folder / "var", roster=folder / "roster.yaml", **settings)
    return {f.what: f.detail for f in doctor.findings(loaded) if f.what.startswith("source ")}


def test_hosts_and_secrets_that_are_missing_are_named(tmp_path: Path) -> None:
    assert findings(tmp_path, upstream_hosts="mui.example.com, hooks.example.com") == {
        "source hooks": "cannot be talked to: told of GRIDCALL_SOURCE_SECRETS is not set"
    }
    assert findings(tmp_path, source_secrets=f"told={SECRET}", upstream_hosts="hooks.example.com") == {
        "source mui": "cannot be talked to: host mui.example.com is not one of GRIDCALL_UPSTREAM_HOSTS"
    }
    assert (
        findings(tmp_path, source_secrets=f"told={SECRET}", upstream_hosts="Mui.example.com, hooks.example.com") == {}
    )
