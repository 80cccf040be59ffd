"""Spans by OpenTelemetry. Only app/tracing.py imports this, and only where traces are wanted: it needs an extra."""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from urllib.parse import urlsplit, urlunsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from model.tracing import NOTHING

VENDORS = frozenset({"api.twilio.com", "slack.com", "www.slack.com", "events.pagerduty.com"})
EXPORT_SECONDS = 2.0  # a collector that is away must not keep a process from ending
_FORMAT = TraceContextTextMapPropagator()
_KINDS = {
    "accept": SpanKind.SERVER,
    "publish": SpanKind.PRODUCER,
    "decide": SpanKind.CONSUMER,
    "callback": SpanKind.SERVER,
}


def to_collector(endpoint: str) -> SpanProcessor:
    """Spans go there in batches, by a thread of their own: OTLP over HTTP."""
    return BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=EXPORT_SECONDS))


class OtelTracer:
    """The model's Tracer. While it is open the vendors' HTTP clients make a span of each request.

    One at a time in a process: the clients are instrumented for all of it. `hosts`: those of vendors that are not where
    they usually are.
    """

    on = True

    def __init__(self, processor: SpanProcessor, hosts: Collection[str] = ()) -> None:
        named = Resource({"service.name": "gridcall"}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("gridcall")
        AioHttpClientInstrumentor().instrument(
            tracer_provider=self._provider, url_filter=partial(_in_public, {*VENDORS, *hosts})
        )
        HTTPX2ClientInstrumentor().instrument(tracer_provider=self._provider)

    def begin(self, name: str, sender: str, **attributes: str) -> AbstractContextManager[str]:
        return self._open(name, _FORMAT.extract({"traceparent": sender}, Context()), attributes)

    def span(self, name: str, parent: str, **attributes: str) -> AbstractContextManager[str]:
        return self.begin(name, parent, **attributes) if parent else NOTHING

    @contextmanager
    def _open(self, name: str, parent: Context, attributes: dict[str, str]) -> Iterator[str]:
        with self._tracer.start_as_current_span(
            name,
            parent,
            _KINDS.get(name, SpanKind.INTERNAL),
            {f"gridcall.{key}": value for key, value in attributes.items()},
            # The text of an error may quote a phone number.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            own: dict[str, str] = {}
            _FORMAT.inject(own)
            try:
                yield own.get("traceparent", "")  # none where OTEL_SDK_DISABLED says so
            except Exception as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise

    def close(self) -> None:
        AioHttpClientInstrumentor().uninstrument()
        HTTPX2ClientInstrumentor().uninstrument()
        self._provider.shutdown()


def _in_public(hosts: Collection[str], url: object) -> str:
    """Vendors are asked about numbers and people in the query; of any other address the path may be the secret."""
    parts = urlsplit(str(url))
    at = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, at, parts.path if parts.hostname in hosts else "", "", ""))
