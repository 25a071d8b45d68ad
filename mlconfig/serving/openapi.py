"""The endpoint's OpenAPI 3.1 document, generated from its signature (https://spec.openapis.org/oas/v3.1.0)."""

from __future__ import annotations

from typing import Any

from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.serving.decode import FLOAT32_MAX, MAX_ROWS, MAX_TEXT, takes_numbers

_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("what", "where", "hint")},
            "required": ["what"],
        }
    },
    "required": ["error"],
}
_CATEGORY = ["string", "number", "boolean"]
_REFUSALS = {
    "400": "The body is not JSON.",
    "413": "The body is too large.",
    "415": "The body is compressed, or not JSON.",
    "422": "A field does not fit; the error names it.",
    "503": "No version is loaded, or too many requests wait.",
}


def field_schema(signature: Signature, column: SignatureColumn) -> dict[str, Any]:
    """The JSON Schema of one field."""
    types: dict[str, dict[str, Any]] = {
        "numeric": {"type": "integer"} if column.integer else _bounded(),
        "boolean": {"type": "boolean"},
        "categorical": {"type": _CATEGORY if takes_numbers(signature, column) else "string", "maxLength": MAX_TEXT},
        "timestamp": {
            "type": ["string", "number"],
            "maxLength": 64,
            "description": "ISO 8601, or seconds since 1970 (UTC).",
        },
    }
    schema = types[column.kind]
    if column.nullable:
        given = schema["type"]
        schema["type"] = [*(given if isinstance(given, list) else [given]), "null"]
    if column.role == "context":
        schema["description"] = "Carried and logged, not predicted from. " + schema.get("description", "")
    return schema


def _bounded() -> dict[str, Any]:
    return {"type": "number", "minimum": -FLOAT32_MAX, "maximum": FLOAT32_MAX}


def row_schema(signature: Signature) -> dict[str, Any]:
    """The JSON Schema of one row."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {column.name: field_schema(signature, column) for column in signature.columns},
        "required": [column.name for column in signature.columns if column.required],
        "additionalProperties": False,
    }
    if signature.example:
        schema["examples"] = [signature.example]
    return schema


def _many(item: dict[str, Any]) -> dict[str, Any]:
    rows = {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_ROWS}
    return {"type": "object", "properties": {"rows": rows}, "required": ["rows"], "additionalProperties": False}


def _answer(signature: Signature) -> dict[str, Any]:
    answer: dict[str, Any] = {"type": "number"} if signature.task == "regression" else {"enum": [*signature.classes]}
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    properties: dict[str, Any] = {"prediction_id": {"type": "string"}, "prediction": answer}
    if signature.task == "binary":
        properties["probability"] = {**probability, "description": f"Of {signature.classes[1]!r}."}
    elif signature.task == "multiclass":
        order = f"In the order {list(signature.classes)!r}."
        properties["probabilities"] = {"type": "array", "items": probability, "description": order}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _feedback(signature: Signature) -> dict[str, Any]:
    label: dict[str, Any] = {"type": "number"} if signature.task == "regression" else {"enum": [*signature.classes]}
    version = {"type": "integer", "minimum": 1, "default": 1, "description": "A higher one corrects an earlier label."}
    properties: dict[str, Any] = {
        "prediction_id": {"type": "string", "minLength": 1, "maxLength": 128},
        "key": {"description": f"Values of {', '.join(signature.key) or 'no column'}."},
        "label": label,
        "label_version": version,
    }
    return {
        "type": "object",
        "properties": properties,
        "required": ["label"],
        "oneOf": [{"required": ["prediction_id"]}, {"required": ["key"]}],
        "additionalProperties": False,
    }


def _operation(summary: str, body: str, answer: str) -> dict[str, Any]:
    one, many = ({"$ref": f"#/components/schemas/{name}"} for name in (body, f"{body}s"))
    refusals = {
        status: {"description": text, "content": _json({"$ref": "#/components/schemas/Error"})}
        for status, text in _REFUSALS.items()
    }
    accepted = {"description": summary, "content": _json({"$ref": f"#/components/schemas/{answer}"})}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": _json({"oneOf": [one, many]})},
        "responses": {"200": accepted, **refusals},
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _get(summary: str) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": {"200": {"description": summary}}}}


def openapi(endpoint: str, signature: Signature, version: str) -> dict[str, Any]:
    """The whole document."""
    answer, row, feedback = _answer(signature), row_schema(signature), _feedback(signature)
    one = {**answer, "properties": {**answer["properties"], "version": {"type": "string"}}}
    listed = {"predictions": {"type": "array", "items": answer}, "version": {"type": "string"}}
    several = {"type": "object", "properties": listed, "required": list(listed)}
    accepted = {"type": "object", "properties": {"accepted": {"type": "integer"}}, "required": ["accepted"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": signature.name, "version": version},
        "paths": {
            f"/v1/{endpoint}/predict": {"post": _operation("Predict one row or several.", "Row", "Answer")},
            f"/v1/{endpoint}/feedback": {"post": _operation("Report labels.", "Label", "Accepted")},
            f"/v1/{endpoint}": _get("The live version and its signature."),
            "/healthz": _get("The process answers."),
            "/readyz": _get("A version is loaded."),
            "/metrics": _get("Counts of all replicas and monitoring's figures, as Prometheus text."),
        },
        "components": {
            "schemas": {
                "Row": row,
                "Rows": _many({"$ref": "#/components/schemas/Row"}),
                "Label": feedback,
                "Labels": _many({"$ref": "#/components/schemas/Label"}),
                "Answer": {"oneOf": [one, several]},
                "Accepted": accepted,
                "Error": _ERROR,
            }
        },
    }
