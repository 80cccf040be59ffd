"""When there are traces, and what a span says."""

import subprocess
import sys
from collections.abc import Iterator

import aiohttp
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app import tracing
from app.otel import OtelTracer
from config.settings import load_settings
from model.errors import SendError
from model.tracing import UNTRACED
from tests.demo_process import free_port

SENDER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Iterator[OtelTracer]:
    tracer = OtelTracer(SimpleSpanProcessor(exporter))
    yield tracer
    tracer.close()


def test_without_an_endpoint_nothing_is_imported() -> None:
    program = (
        "import sys, app.http, app.serve\n"
        "from app.tracing import open_tracer\n"
        "from config.settings import load_settings\n"
        "from model.tracing import UNTRACED\n"
        "assert open_tracer(load_settings()) is UNTRACED\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.instr'))])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={}, check=True)
    assert ended.stdout == "[]\n"


def test_the_standard_variable_names_the_endpoint_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/")
    assert load_settings().otel_endpoint == "http://collector:4318"
    assert load_settings(otel_endpoint="http://ours:4318").otel_endpoint == "http://ours:4318"


def test_without_the_extra_it_starts_without_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "find_spec", lambda name: None)
    assert tracing.open_tracer(load_settings(otel_endpoint="http://collector:4318")) is UNTRACED


def test_a_span_continues_what_it_is_given(tracer: OtelTracer, exporter: InMemorySpanExporter) -> None:
    with tracer.begin("accept", SENDER) as accepted, tracer.span("publish", accepted) as published:
        assert accepted[:36] == published[:36] == SENDER[:36]
        assert len({SENDER, accepted, published}) == 3
    assert [span.name for span in exporter.get_finished_spans()] == ["publish", "accept"]


@pytest.mark.parametrize("nonsense", ["", "00-0-0-01", "00-" + "f" * 5000, "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_a_context_that_is_none_begins_a_trace(tracer: OtelTracer, nonsense: str) -> None:
    with tracer.begin("accept", nonsense) as accepted:
        assert len(accepted) == len(SENDER)


def test_a_sender_that_does_not_sample_is_followed(tracer: OtelTracer, exporter: InMemorySpanExporter) -> None:
    with tracer.begin("accept", SENDER[:-1] + "0") as accepted:
        assert accepted[:36] == SENDER[:36]
        assert accepted.endswith("-00")
    assert exporter.get_finished_spans() == ()


def test_without_a_parent_there_is_no_span(tracer: OtelTracer, exporter: InMemorySpanExporter) -> None:
    with tracer.span("decide", "") as context:
        assert context == ""
    assert exporter.get_finished_spans() == ()


def test_an_error_is_named_and_not_quoted(tracer: OtelTracer, exporter: InMemorySpanExporter) -> None:
    """A vendor's words may hold a phone number."""
    with pytest.raises(SendError), tracer.span("send", SENDER):
        raise SendError("21211: +13125550101 is not a number", retryable=False)
    [span] = exporter.get_finished_spans()
    assert (span.status.description, span.events) == ("SendError", ())


async def test_an_address_that_is_a_secret_is_not_told(tracer: OtelTracer, exporter: InMemorySpanExporter) -> None:
    """A webhook's, or that of a dead-man's switch: whoever reads traces could post there."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"http://user:word@127.0.0.1:{free_port()}/hooks/T0/SECRET?secret=more")
    [span] = exporter.get_finished_spans()
    assert str((span.attributes or {})["http.url"]).startswith("http://127.0.0.1:")
    assert not [word for word in ("user", "word", "hooks", "SECRET", "more") if word in span.to_json()]


def test_the_standard_switch_turns_traces_off_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    disabled = OtelTracer(SimpleSpanProcessor(InMemorySpanExporter()))
    with disabled.begin("accept", "") as context:
        assert context == ""
    disabled.close()
