"""Prometheus's rules and Grafana's dashboard: of metrics that there are, and by Prometheus's own tool."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "gridcall.json").read_text())
# tests/test_docs.py holds these against what a running Gridcall shows.
DESCRIBED = set(re.findall(r"`(gridcall_\w+)`", (ROOT / "docs" / "operating.md").read_text()))


def expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def metrics(text: str) -> set[str]:
    """By the names they are described under: a histogram's buckets are its own."""
    return {name.removesuffix("_bucket") for name in re.findall(r"\bgridcall_\w+", text)}


def promtool(binary: Path, *arguments: str, folder: Path) -> str:
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_and_panels_are_about_metrics_that_there_are() -> None:
    assert len(expressions()) > 14
    assert metrics(RULES.read_text()) <= DESCRIBED
    assert metrics(" ".join(expressions())) <= DESCRIBED


def test_every_rule_says_what_to_do() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_the_rules_fire_when_they_must_and_not_otherwise(promtool_binary: Path) -> None:
    assert "SUCCESS" in promtool(promtool_binary, "check", "rules", RULES.name, folder=RULES.parent)
    assert "SUCCESS" in promtool(promtool_binary, "test", "rules", "rules_test.yml", folder=RULES.parent)


def test_prometheus_understands_each_panel(promtool_binary: Path, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": expression} for n, expression in enumerate(expressions())]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    found = promtool(promtool_binary, "check", "rules", "panels.yml", folder=tmp_path)
    assert f"{len(rules)} rules found" in found


@pytest.mark.parametrize("broken", ["gridcall_role_lived_seconds > > 1", "rate(gridcall_queue_depth)"])
def test_a_wrong_expression_would_be_found(promtool_binary: Path, tmp_path: Path, broken: str) -> None:
    rules = {"groups": [{"name": "broken", "rules": [{"record": "a:b", "expr": broken}]}]}
    (tmp_path / "broken.yml").write_text(yaml.safe_dump(rules))
    done = subprocess.run(
        [promtool_binary, "check", "rules", tmp_path / "broken.yml"], capture_output=True, check=False
    )
    assert done.returncode != 0
