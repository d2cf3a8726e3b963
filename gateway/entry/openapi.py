"""The OpenAPI 3.1 document, generated from the route table and the message types."""

from __future__ import annotations

import re
from typing import Any

import msgspec

import gateway.entry.fix_routes  # noqa: F401 its routes enter the table
from gateway import __version__
from gateway.entry.api_messages import WS_MESSAGES, WS_OPERATIONS, ErrorAnswer
from gateway.entry.routes import ROUTES, Route

__all__ = ["WEBSOCKET_PATH", "openapi_document"]

_PARAMETER = re.compile(r"\{(\w+)\}")
_REFUSAL_STATUSES = (400, 401, 403, 404, 405, 409, 413, 422, 429, 503)
WEBSOCKET_PATH = "/v1/ws"
_REF = "#/components/schemas/{name}"


def openapi_document() -> dict[str, Any]:
    """The whole document."""
    types = {kind for route in ROUTES for kind in (route.request, route.response) if kind}
    types |= {ErrorAnswer, *WS_OPERATIONS, *WS_MESSAGES}
    ordered = sorted(types, key=lambda kind: kind.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    paths[WEBSOCKET_PATH] = {"get": _websocket()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Exchange gateway", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ] + [{"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query]
    responses = {str(status): _body(route.response) for status in route.statuses}
    for status in _REFUSAL_STATUSES:
        responses.setdefault(str(status), _body(ErrorAnswer))
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "parameters": parameters,
        "responses": responses,
        "security": [{"key": []}] if route.scope else [],
    }
    if route.request is not None:
        operation["requestBody"] = {"required": True, **_content(route.request)}
    return operation


def _websocket() -> dict[str, Any]:
    """The upgrade, and what is spoken after it: OpenAPI has no words for that, so an extension
    names the messages of each direction, one JSON object per text message."""
    responses: dict[str, Any] = {
        "101": {"description": "Switching protocols: messages as in x-websocket"},
        "426": _body(ErrorAnswer),
    }
    for status in _REFUSAL_STATUSES:
        responses.setdefault(str(status), _body(ErrorAnswer))
    return {
        "operationId": "websocket",
        "summary": "Orders, answers and events over one WebSocket; the first message is a login.",
        "parameters": [],
        "responses": responses,
        "security": [],
        "x-websocket": {
            "frames": "text, one JSON object each",
            "send": {"oneOf": [_reference(kind) for kind in WS_OPERATIONS]},
            "receive": {"oneOf": [_reference(kind) for kind in WS_MESSAGES]},
            "closeCodes": {
                "1003": "a binary message",
                "1008": "no login in time, revoked key or too many requests",
                "1009": "a message that is too large",
                "4008": "slow consumer",
            },
        },
    }


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": _REF.format(name=kind.__name__)}


def _body(kind: type) -> dict[str, Any]:
    return {"description": kind.__name__, **_content(kind)}


def _content(kind: type) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": _reference(kind)}}}
