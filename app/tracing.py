"""Whether there are traces: only where somebody says whither they go, and the extra is installed."""

from importlib.util import find_spec
from urllib.parse import urlsplit

import structlog

from config.settings import Settings
from model.tracing import UNTRACED, Tracer

log = structlog.get_logger(__name__)


def open_tracer(settings: Settings) -> Tracer:
    """Close it at the end. Without an endpoint nothing of OpenTelemetry's SDK is imported."""
    if settings.otel_endpoint is None:
        return UNTRACED
    if find_spec("opentelemetry.sdk") is None:
        # A cluster may set the endpoint for everybody: no reason not to start.
        log.warning("tracing is off: an endpoint is set, but the extra otel is not installed")
        return UNTRACED
    from app.otel import OtelTracer, to_collector  # noqa: PLC0415 - optional, and heavy

    elsewhere = (settings.twilio_base_url, settings.slack_base_url, settings.pagerduty_base_url)
    hosts = {host for url in elsewhere if url and (host := urlsplit(url).hostname)}
    return OtelTracer(to_collector(settings.otel_endpoint), hosts)
