"""Our signature as MLflow's, and our example row as its input example."""

from __future__ import annotations

from typing import Any

from mlconfig.records.signature import Signature, SignatureColumn

_TYPES = {"numeric": "double", "categorical": "string", "boolean": "boolean", "timestamp": "datetime"}


def mlflow_signature(signature: Signature) -> Any:
    """The features as MLflow's input schema, ``prediction`` and ``score`` as its output."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = [ColSpec(_type(column), column.name, required=column.required) for column in signature.features]
    outputs = [ColSpec(_output(signature), "prediction"), ColSpec("double", "score")]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _type(column: SignatureColumn) -> Any:
    """MLflow refuses whole numbers for ``double`` and nulls for ``long`` and ``boolean``; what may be both is ``any``."""
    from mlflow.types.schema import AnyType

    if column.nullable and (column.integer or column.kind == "boolean"):
        return AnyType()
    return "long" if column.integer else _TYPES[column.kind]


def _output(signature: Signature) -> str:
    kinds = {bool: "boolean", int: "long", str: "string"}
    return kinds.get(type(signature.classes[0]), "double") if signature.classes else "double"


def example_frame(signature: Signature) -> Any:
    """The signature's example as a frame of one row with the features' own types."""
    import pandas as pd

    values = {column.name: [signature.example.get(column.name)] for column in signature.features}
    frame = pd.DataFrame(values)
    for column in signature.features:
        if column.kind == "numeric" and not (column.integer and not column.nullable):
            frame[column.name] = frame[column.name].astype("float64")
        elif column.kind == "timestamp":
            frame[column.name] = pd.to_datetime(frame[column.name])
    return frame
