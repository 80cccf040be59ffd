"""The plugin that holds every request of ours and every answer of the stand-ins against the vendors' descriptions.

It works in whatever test a `Recorder` stands before the stand-ins: all stories, and the channels' contract suite. A
fault fails the test in which it was; a table at the end of the run says what was checked.
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests import services
from tests.contract import wire

SPECS = "vendor-specs"
KEPT = ("requests", "answers", "faults")


class ContractLayer:
    """`counts`: of this process and, in xdist's controller, of its workers."""

    def __init__(self) -> None:
        self._layer: wire.Layer | None = None
        self.unchecked = 0
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in KEPT}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Iterator[None]:
        wire.UNCHECKED.clear()
        yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        yield
        self._look()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Iterator[None]:
        yield
        self._look()

    def _look(self) -> None:
        exchanges, wire.UNCHECKED[:] = list(wire.UNCHECKED), []
        if not exchanges:
            return
        if (layer := self._found()) is None:
            self.unchecked += len(exchanges)
            return
        if faults := layer.check(exchanges):
            more = f"\nand {len(faults) - 3} more" if len(faults) > 3 else ""
            pytest.fail("against the vendors' descriptions:\n" + "\n".join(faults[:3]) + more, pytrace=False)

    def _found(self) -> wire.Layer | None:
        """None where the descriptions are not here. Fails the test where everything is required."""
        wish = services.mode(os.environ)
        if wish == "none":
            return None
        if services.SERVICES[SPECS].find() is None:
            if wish == "require":
                pytest.fail(f"{SPECS} not found: {services.SERVICES[SPECS].remedy}", pytrace=False)
            return None
        if self._layer is None:
            self._layer = wire.Layer(services.path(SPECS))
            self.counts = {name: getattr(self._layer, name) for name in KEPT}
        return self._layer

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            kept = {name: dict(counter) for name, counter in self.counts.items()}
            session.config.workeroutput["contract"] = kept | {"unchecked": self.unchecked}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        told = getattr(node, "workeroutput", {}).get("contract", {})
        self.unchecked += told.pop("unchecked", 0)
        for name, counts in told.items():
            self.counts[name].update(counts)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.unchecked:
            terminalreporter.section("the wire was not checked", red=True, bold=True)
            why = services.not_run_line(SPECS, 0, services.mode(os.environ)).partition(", ")[2]
            terminalreporter.line(f"NOT CHECKED: {self.unchecked} requests to vendors, {why}", red=True, bold=True)
        if self.counts["requests"]:
            terminalreporter.section("held against the vendors' descriptions")
            for line in self.table():
                terminalreporter.line(line)

    def table(self) -> list[str]:
        """Requests and answers checked per operation, and how many of them were faulty."""
        requests, answers, faults = (self.counts[name] for name in KEPT)
        rows = [(name, requests[name], answers[name], faults[name]) for name in sorted(requests)]
        total = ("together", requests.total(), answers.total(), faults.total())
        head = f"{'operation':44} {'requests':>9} {'answers':>9} {'faults':>7}"
        return [head, *(f"{name:44} {asked:9} {said:9} {bad:7}" for name, asked, said, bad in [*rows, total])]
