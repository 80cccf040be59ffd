"""Servers of our own for the whole run, which tests stop and start; a failure shows what the processes said."""

from collections.abc import Iterator

import pytest

from tests.crash.cluster import Servers, servers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "crash" in item.path.parts:
            item.add_marker(pytest.mark.crash)
            item.add_marker(pytest.mark.service("rabbitmq-server"))
            item.add_marker(pytest.mark.service("postgresql"))


@pytest.fixture(scope="session")
def crash_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("rabbitmq")) as found:
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed and (cluster := getattr(item, "funcargs", {}).get("shared")) is not None:
        report.sections.append(("processes", cluster.logs()))
    return report
