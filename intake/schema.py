"""The canonical event as JSON Schema, for GET /schemas/event.json."""

from typing import Any

from intake.statement import Statement


def canonical_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of what a sender should send. Reading is more tolerant than this: see docs/sending.md."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Statement.model_json_schema()}
