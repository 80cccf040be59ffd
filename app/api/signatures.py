"""What is said to somebody who calls back and is not the vendor: one answer, one line, one figure."""

import structlog

from app.problems import Problem
from app.service import Service

log = structlog.get_logger(__name__)

NAMES = {"twilio": "Twilio", "slack": "Slack", "pagerduty": "PagerDuty"}


def not_from(service: Service, vendor: str, path: str) -> Problem:
    """Counted, and to be raised: 403."""
    service.metrics.callbacks.count(vendor, "refused")
    log.warning("callback refused: signature", vendor=vendor, path=path)
    return Problem(403, f"Not from {NAMES[vendor]}", "the signature does not fit")
