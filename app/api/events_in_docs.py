"""The bare routes in OpenAPI, described by hand because the framework does not see them."""

from typing import Any

from app.problems import MEDIA_TYPE

_PROBLEMS = {
    400: "The request ended too early",
    401: "No key or signature, or a wrong one",
    403: "The key is for another source, or not from this address",
    404: "No such source",
    413: "Too large; its beginning is kept",
    422: "Cannot be read, or its key is that of another body; it is kept and people are told",
    429: "This address was refused too often: Retry-After",
    503: "Not accepted: try again after Retry-After",
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "examples": ["wait=2"]},
    "description": "wait=N: answer when the plan is saved, after N seconds (at most 10) at the latest.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The same with each repeat of one message; `webhook-id` is as good.",
}
_SOURCE = {"name": "source", "in": "path", "required": True, "schema": {"type": "string"}}
_ACCEPTED = {
    "type": "object",
    "required": ["delivery_id", "event_id", "source", "received_at", "status_url", "durable", "detail"],
    "properties": {
        "delivery_id": {"type": "string"},
        "event_id": {"type": ["string", "null"]},
        "revision": {"type": ["integer", "null"]},
        "source": {"type": "string"},
        "received_at": {"type": "string", "format": "date-time"},
        "deadline_at": {"type": ["string", "null"], "format": "date-time"},
        "status_url": {"type": "string"},
        "duplicate": {"type": ["boolean", "null"]},
        "rings": {
            "type": ["boolean", "null"],
            "description": "whether phones ring for it; null: not known yet, as for an update that asks for a new "
            "answer or an end of an event, whose plan is made a moment later. `detail` says what follows",
        },
        "at_risk": {"type": ["boolean", "null"]},
        "durable": {"enum": ["broker", "host"]},
        "detail": {"type": "string"},
    },
}


def _operation(summary: str, operation_id: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    one_or_many = {"oneOf": [_ACCEPTED, {"type": "object", "required": ["results"]}]}
    responses: dict[str, Any] = {
        "202": {"description": "Durable", "content": {"application/json": {"schema": one_or_many}}}
    }
    for status, text in _PROBLEMS.items():
        responses[str(status)] = {"description": text, "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
    return {
        "post": {
            "tags": ["sending"],
            "summary": summary,
            "operationId": operation_id,
            "parameters": parameters,
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "/schemas/event.json"}}},
            },
            "responses": responses,
        }
    }


def _ping(method: str) -> dict[str, Any]:
    refused = {
        404: "Nothing is at this address",
        429: _PROBLEMS[429],
        503: "Not known now: try again after Retry-After",
    }
    return {
        "tags": ["sending"],
        "summary": "The source whose secret address this is, is alive",
        "operationId": f"ping_{method}",
        "parameters": [{"name": "token", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}],
        "responses": {"200": {"description": "Heard", "content": {"text/plain": {}}}}
        | {str(status): {"description": text, "content": {MEDIA_TYPE: {}}} for status, text in refused.items()},
    }


PATHS = {
    "/v1/events": _operation("Post an event, a CloudEvent, a batch or a list", "post_events", [_PREFER, _KEY]),
    "/v1/sources/{source}/events": _operation(
        "Post in the source's own format", "post_source_events", [_SOURCE, _PREFER, _KEY]
    ),
    "/v1/ping/{token}": {method: _ping(method) for method in ("get", "head", "post")},
    "/v2/enqueue": _operation("Post as to PagerDuty's Events API v2, the key as routing_key", "enqueue", [_KEY]),
}
