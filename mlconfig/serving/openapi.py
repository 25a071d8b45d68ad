"""The endpoint's OpenAPI 3.1 document, generated from its signature (https://spec.openapis.org/oas/v3.1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mlconfig.records.bounds import FLOAT32_MAX, MAX_TEXT, MOMENT_MAX, MOMENT_MIN, WHOLE_MAX
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.serving.decode import takes_numbers
from mlconfig.serving.feedback import MAX_VERSION

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
_UNUSED = "A column of the data that the model does not take: neither predicted from nor logged."
_LABEL_VERSION = "The highest counts, of one version the first that came: a correction needs a higher one."
_CATEGORY = ["string", "number", "boolean"]
_REFUSALS = {
    "400": "The body is not JSON, has a field twice, or is nested too deeply.",
    "408": "The body did not come in time.",
    "413": "The body is too large.",
    "415": "The body is compressed, or not JSON.",
    "422": "A field does not fit; the error names it.",
    "503": "No version is loaded, or too many requests wait; ask again after `Retry-After`.",
}


def field_schema(signature: Signature, column: SignatureColumn) -> dict[str, Any]:
    """The JSON Schema of one field."""
    types: dict[str, dict[str, Any]] = {
        "numeric": {"type": "integer", "minimum": -WHOLE_MAX, "maximum": WHOLE_MAX} if column.integer else _bounded(),
        "boolean": {"type": "boolean"},
        "categorical": {"type": _CATEGORY if takes_numbers(signature, column) else "string", "maxLength": MAX_TEXT},
        "timestamp": {
            "anyOf": [
                {"type": "string", "maxLength": 64, "format": "date-time"},
                {"type": "string", "maxLength": 64, "format": "date"},
                {"type": "number", "minimum": MOMENT_MIN, "maximum": MOMENT_MAX},
            ],
            "description": "ISO 8601, with a zone or in the recipe's; or seconds since 1970 (UTC).",
        },
    }
    schema = types[column.kind]
    if column.nullable and "anyOf" in schema:
        schema["anyOf"].append({"type": "null"})
    elif column.nullable:
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
        "properties": {
            **{column.name: field_schema(signature, column) for column in signature.columns},
            **{name: {"description": _UNUSED} for name in signature.unused},
        },
        "required": [column.name for column in signature.columns if column.required],
        "additionalProperties": False,
    }
    if signature.example:
        schema["examples"] = [signature.example]
    return schema


def _many(item: dict[str, Any], most: int) -> dict[str, Any]:
    rows = {"type": "array", "items": item, "minItems": 1, "maxItems": most}
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
    version = {"type": "integer", "minimum": 1, "maximum": MAX_VERSION, "default": 1, "description": _LABEL_VERSION}
    properties: dict[str, Any] = {
        "prediction_id": {"type": "string", "minLength": 1, "maxLength": 128},
        "label": label,
        "label_version": version,
    }
    schema = {"type": "object", "properties": properties, "required": ["label"], "additionalProperties": False}
    if not signature.key:
        return schema | {"required": ["prediction_id", "label"]}
    properties["key"] = _key(signature)
    return schema | {"oneOf": [{"required": ["prediction_id"]}, {"required": ["key"]}]}


def _key(signature: Signature) -> dict[str, Any]:
    """The key's values by column; those of one column may stand alone."""
    columns = {column.name: column for column in signature.columns}
    values = {name: _key_value(columns.get(name)) for name in signature.key}
    by_name = {"type": "object", "properties": values, "required": list(values), "additionalProperties": False}
    description = f"Values of {', '.join(values)}."
    return {"anyOf": [by_name, *(values.values() if len(values) == 1 else ())], "description": description}


def _key_value(column: SignatureColumn | None) -> dict[str, Any]:
    text = {"type": ["string", "integer"], "maxLength": MAX_TEXT, "minimum": -WHOLE_MAX, "maximum": WHOLE_MAX}
    if column is None or column.kind in ("categorical", "timestamp"):
        return text
    if column.kind == "boolean":
        return {"type": "boolean"}
    return {"type": "integer", "minimum": -WHOLE_MAX, "maximum": WHOLE_MAX} if column.integer else {"type": "number"}


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


def openapi(
    endpoint: str,
    signature: Signature,
    version: str,
    most: int = 1000,
    others: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """The whole document. ``most``: rows of a request; ``others``: path items of protocols."""
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
            **others,
        },
        "components": {
            "schemas": {
                "Row": row,
                "Rows": _many({"$ref": "#/components/schemas/Row"}, most),
                "Label": feedback,
                "Labels": _many({"$ref": "#/components/schemas/Label"}, most),
                "Answer": {"oneOf": [one, several]},
                "Accepted": accepted,
                "Error": _ERROR,
            }
        },
    }
