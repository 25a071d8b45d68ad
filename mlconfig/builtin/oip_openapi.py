"""The Open Inference Protocol's paths for the endpoint's OpenAPI document.

After https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/open_inference_rest.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlconfig.builtin.oip_columns import Columns
from mlconfig.builtin.oip_tensors import ALL, Tensor

_REFUSALS = {
    "400": "A tensor does not fit; the error names it.",
    "404": "There is no such model or version.",
    "415": "The body is compressed, or of a type that is not taken.",
    "422": "A value does not fit; the error names row and tensor.",
    "503": "No version is loaded, or too many requests wait.",
}


def path_items(endpoint: str, columns: Columns) -> dict[str, Any]:
    """The path items by path."""
    model = f"/v2/models/{endpoint}"
    return {
        "/v2": _get("The server's name, version and extensions."),
        "/v2/health/live": _get("The process answers."),
        "/v2/health/ready": _get("A version is loaded."),
        model: _get("The model's tensors."),
        f"{model}/ready": _get("The model is ready."),
        f"{model}/config": _get("The model's configuration, as Triton shows it."),
        f"{model}/infer": {"post": _infer(columns)},
        "/v2/repository/index": {"post": _operation("The models that are served.", {})},
    }


def _infer(columns: Columns) -> dict[str, Any]:
    body = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object", "properties": {"binary_data_output": {"type": "boolean"}}},
            "inputs": {"type": "array", "minItems": 1, "items": _input(columns)},
            "outputs": {"type": "array", "items": _wanted(columns.outputs)},
        },
        "required": ["inputs"],
    }
    answer = {
        "type": "object",
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "parameters": {"type": "object", "properties": {"fallback": {"type": "boolean"}}},
            "outputs": {"type": "array", "items": {"type": "object", "properties": _tensor(columns.outputs)}},
        },
        "required": ["model_name", "model_version", "outputs"],
    }
    operation = _operation("Predict by tensors, one a column.", answer)
    text = "Binary data follow the JSON; the header Inference-Header-Content-Length tells its length."
    content = {"application/json": {"schema": body}, "application/octet-stream": {}}
    operation["requestBody"] = {"required": True, "description": text, "content": content}
    operation["responses"] |= {
        status: {"description": said, "content": {"application/json": {"schema": _error()}}}
        for status, said in _REFUSALS.items()
    }
    return operation


def _tensor(tensors: Sequence[Tensor]) -> dict[str, Any]:
    size = {"type": "integer", "minimum": 0}
    return {
        "name": {"enum": [tensor.name for tensor in tensors]},
        "shape": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
        "datatype": {"enum": sorted(ALL)},
        "parameters": {"type": "object", "properties": {"binary_data_size": size}},
        "data": {"type": "array"},
    }


def _input(columns: Columns) -> dict[str, Any]:
    tensor = _tensor(columns.inputs)
    tensor["name"] = {"type": "string", "description": f"One of {', '.join(each.name for each in columns.inputs)}."}
    return {"type": "object", "properties": tensor, "required": ["name", "shape", "datatype"]}


def _wanted(outputs: Sequence[Tensor]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"binary_data": {"type": "boolean"}}}
    names = {"enum": [output.name for output in outputs]}
    return {"type": "object", "properties": {"name": names, "parameters": parameters}, "required": ["name"]}


def _error() -> dict[str, Any]:
    return {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}


def _operation(summary: str, answer: dict[str, Any]) -> dict[str, Any]:
    said = {"description": summary, "content": {"application/json": {"schema": answer}}}
    return {"summary": summary, "responses": {"200": said}}


def _get(summary: str) -> dict[str, Any]:
    return {"get": _operation(summary, {})}
