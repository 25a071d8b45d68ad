"""The values at which the exported trees ask their questions, as values of the columns they come from."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from mlconfig.records.packing import Packing

Array = np.ndarray[Any, Any]


def thresholds_of(model: bytes, preprocessor: Any, packing: Packing) -> dict[str, Array]:
    """Thresholds by numeric column, sorted; columns without any, or whose transforms cannot be undone, are absent.

    Args:
        model: the bytes of ``model.onnx``; read are its TreeEnsemble nodes.
        preprocessor: the fitted ``ColumnTransformer``; it tells which feature comes from which column, and its transforms'
            ``inverse_transform`` how to go back.
        packing: the packed columns.
    """
    asked = _asked(model)
    found: dict[str, Array] = {}
    for name, chain, places in preprocessor.transformers_:
        span = preprocessor.output_indices_[name]
        if span.stop - span.start != len(places) or not hasattr(chain, "inverse_transform"):
            continue
        for offset, place in enumerate(places):
            values = asked.get(span.start + offset)
            if values is not None and place < len(packing.numeric):
                found[packing.numeric[place]] = _undone(chain, values, offset, len(places))
    return found


def _undone(chain: Any, values: Array, offset: int, width: int) -> Array:
    block = np.zeros((len(values), width))
    block[:, offset] = values
    return np.unique(np.asarray(chain.inverse_transform(block), dtype=np.float64)[:, offset])


def _asked(model: bytes) -> dict[int, Array]:
    """Thresholds by the place of the model's feature."""
    import onnx
    from onnx import numpy_helper

    found: dict[int, set[float]] = defaultdict(set)
    for node in onnx.load_from_string(model).graph.node:
        if not node.op_type.startswith("TreeEnsemble"):
            continue
        fields = {attribute.name: attribute for attribute in node.attribute}
        if "nodes_values_as_tensor" in fields:
            values = numpy_helper.to_array(fields["nodes_values_as_tensor"].t).tolist()
        else:
            values = list(fields["nodes_values"].floats) if "nodes_values" in fields else []
        modes = fields["nodes_modes"].strings if "nodes_modes" in fields else ()
        for mode, feature, value in zip(modes, fields["nodes_featureids"].ints, values, strict=True):
            if mode != b"LEAF" and np.isfinite(value):
                found[feature].add(value)
    return {feature: np.sort(np.asarray(list(values))) for feature, values in found.items()}
