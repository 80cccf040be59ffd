"""Runs, skips or fails the tests that need an outside service, as GRIDCALL_TEST_SERVICES wishes (see services.py)."""

import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests import services
from tests.contract.layer import ContractLayer

if TYPE_CHECKING:
    from tests.rabbit_node import RabbitNode

# How long an example takes is the machine's affair: pytest's own time limit ends what hangs.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

NOT_RUN_FOR = "not run for lack of"  # how a report carries the name of a service, from xdist's workers too
FIXTURES = {
    "alertmanager_binary": "alertmanager",
    "amqp_url": "rabbitmq",
    "chromium_binary": "chromium",
    "postgres_database": "postgresql",
    "postgres_url": "postgresql",
    "promtool_binary": "promtool",
    "rabbit_node": "rabbitmq-server",
    "samples": "samples",
    "vendor_specs": "vendor-specs",
}


@pytest.fixture(scope="session")
def alertmanager_binary() -> Path:
    return services.path("alertmanager")


@pytest.fixture(scope="session")
def chromium_binary() -> Path:
    return services.path("chromium")


@pytest.fixture(scope="session")
def promtool_binary() -> Path:
    return services.path("promtool")


@pytest.fixture(scope="session")
def amqp_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A RabbitMQ, shared with whoever uses it: the named one, the one that runs here, else one of our own."""
    named = os.environ.get("GRIDCALL_TEST_AMQP_URL")
    if named or services.listens(5672):
        yield named or "amqp://guest:guest@127.0.0.1:5672/"
        return
    from tests.rabbit_node import RabbitNode

    node = RabbitNode(tmp_path_factory.mktemp("rabbitmq"))
    try:
        node.start()
        yield node.url
    finally:
        node.end()


@pytest.fixture(scope="module")
def module_rabbit_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator["RabbitNode"]:
    from tests.rabbit_node import RabbitNode

    node = RabbitNode(tmp_path_factory.mktemp("rabbitmq"))
    try:
        node.start()
        yield node
    finally:
        node.end()


@pytest.fixture
def rabbit_node(module_rabbit_node: "RabbitNode") -> "RabbitNode":
    """A RabbitMQ of our own, which may be stopped: it runs, also when the test before failed while it was stopped."""
    if not module_rabbit_node.running:
        module_rabbit_node.start()
    return module_rabbit_node


@pytest.fixture(scope="session")
def vendor_specs() -> Path:
    """The folder of the vendors' API descriptions."""
    return services.path("vendor-specs")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of messages as upstreams send them, with the reading of each in expected/."""
    return services.path("samples")


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[str]:
    """The address of a database of this test run (of one worker) with the whole schema."""
    from store.places import Postgres
    from tests import postgres

    with postgres.server() as server, postgres.database(server) as url:
        Postgres(url).upgrade()
        yield url


@pytest.fixture
def postgres_url(postgres_database: str) -> str:
    """The same, emptied."""
    from tests import databases, postgres

    postgres.execute(postgres_database, databases.EMPTIES)
    return postgres_database


def pytest_configure(config: pytest.Config) -> None:
    try:
        services.mode(os.environ)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(ContractLayer(), "contract-layer")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is loaded with thousands of tests stays: the collector need not look at it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_finish() -> None:
    if "sqlalchemy" in sys.modules:  # else there are only tests that want no database
        from tests import databases

        databases.share_compiled()
    if "structlog" in sys.modules:
        log_plainly()


def log_plainly() -> None:
    """With the values of a traceback in colours, as structlog has it by default, an error costs half a second."""
    import structlog

    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


def needed_by(item: pytest.Item) -> list[str]:
    """The services named by the test's marks, and those whose fixtures it uses."""
    marked = [name for mark in item.iter_markers("service") for name in mark.args]
    used = [FIXTURES[name] for name in getattr(item, "fixturenames", ()) if name in FIXTURES]
    return list(dict.fromkeys(marked + used))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    needed = needed_by(item)
    unknown = [name for name in needed if name not in services.SERVICES]
    if unknown:
        pytest.fail(f"no service is called {unknown[0]!r}, only: {', '.join(services.SERVICES)}", pytrace=False)
    wish = services.mode(os.environ)
    lacking = [name for name in needed if wish == "none" or not services.SERVICES[name].find()]
    if not lacking:
        return
    if wish == "require":
        pytest.fail("; ".join(f"{name} not found: {services.SERVICES[name].remedy}" for name in lacking), pytrace=False)
    item.user_properties.extend((NOT_RUN_FOR, name) for name in lacking)
    pytest.skip("; ".join(f"{name} not found" if wish == "find" else f"{name} switched off" for name in lacking))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    fail_if_skipped(report)
    return report


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Where everything is required, nothing may stay out unseen. (An expected failure is reported as a skip too.)"""
    if report.skipped and not hasattr(report, "wasxfail") and services.mode(os.environ) == "require":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: GRIDCALL_TEST_SERVICES=require allows no skip, and this is one: {reason}"


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [it for it in terminalreporter.stats.get("skipped", []) if isinstance(it, pytest.TestReport)]
    tests = Counter(name for report in skipped for key, name in report.user_properties if key == NOT_RUN_FOR)
    if tests:
        terminalreporter.section("not everything was run", red=True, bold=True)
    for name, count in tests.items():
        terminalreporter.line(services.not_run_line(name, count, services.mode(os.environ)), red=True, bold=True)
