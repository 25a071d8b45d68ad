"""What an endpoint tells of itself in the Open Inference Protocol: the same facts as JSON and as gRPC's messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from mlconfig.builtin.oip_columns import Columns
from mlconfig.builtin.oip_tensors import Tensor
from mlconfig.contracts.protocol import Surface

EXTENSIONS = ("binary_tensor_data", "model_configuration", "model_repository")
PLATFORM = "onnx_mlconfig"
_DATA_TYPES = {
    "BOOL": 1, "UINT8": 2, "UINT16": 3, "UINT32": 4, "UINT64": 5, "INT8": 6, "INT16": 7, "INT32": 8, "INT64": 9,
    "FP16": 10, "FP32": 11, "FP64": 12, "BYTES": 13,
}  # fmt: skip
"""Triton's model_config.proto; BYTES is its TYPE_STRING."""


def server() -> dict[str, Any]:
    """The server's metadata."""
    return {"name": "mlconfig", "version": version("mlconfig"), "extensions": list(EXTENSIONS)}


def model(surface: Surface, columns: Columns) -> dict[str, Any]:
    """The model's metadata."""
    return {
        "name": surface.endpoint,
        "versions": [surface.version],
        "platform": PLATFORM,
        "inputs": [_shown(tensor) for tensor in columns.inputs],
        "outputs": [_shown(tensor) for tensor in columns.outputs],
    }


def _shown(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def index(surface: Surface) -> list[dict[str, Any]]:
    """The repository's only model."""
    return [{"name": surface.endpoint, "version": surface.version, "state": "READY", "reason": ""}]


def config(surface: Surface, columns: Columns) -> dict[str, Any]:
    """The model's configuration as gRPC has it, types of data by number."""
    required = {column.name for column in surface.signature.columns if column.required}
    inputs = [_configured(tensor) | {"optional": tensor.name not in required} for tensor in columns.inputs]
    return {
        "name": surface.endpoint,
        "platform": PLATFORM,
        "max_batch_size": 0,
        "input": inputs,
        "output": [_configured(tensor) for tensor in columns.outputs],
    }


def _configured(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "data_type": _DATA_TYPES[tensor.datatype], "dims": list(tensor.shape)}


def config_in_words(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON has it, types of data by name."""
    words = {number: f"TYPE_{'STRING' if name == 'BYTES' else name}" for name, number in _DATA_TYPES.items()}

    def spelled(tensors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [{**tensor, "data_type": words[tensor["data_type"]]} for tensor in tensors]

    return {**given, "input": spelled(given["input"]), "output": spelled(given["output"])}
