"""The transformer behind ``cyclic`` and its ONNX converter: the same operations in the same precision on both sides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

Array = np.ndarray[Any, Any]


class CyclicTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """sin and cos of 2π · x / period: all sines, then all cosines [rows, 2 · columns].

    Args:
        period: of one round, in the unit of x.
    """

    def __init__(self, period: float = 1.0) -> None:
        self.period = period

    def fit(self, rows: Any, y: Any = None) -> CyclicTransformer:  # noqa: ARG002 — scikit-learn's signature
        """Learns the number of columns."""
        self.n_features_in_ = np.shape(rows)[1]
        return self

    def transform(self, rows: Any) -> Array:
        """In the precision of the rows."""
        given = np.asarray(rows)
        given = given if given.dtype.kind == "f" else given.astype(np.float64)
        number = given.dtype.type
        rounds = given / number(self.period)
        angle = (rounds - np.floor(rounds)) * number(2 * math.pi)
        # The cosine as the sine a quarter further: ONNX Runtime has a double sine, and one operator is enough.
        return np.concatenate([np.sin(angle), np.sin(angle + number(math.pi / 2))], axis=1)


def _shape(operator: Any) -> None:
    given = operator.inputs[0].type
    operator.outputs[0].type = type(given)([None, 2 * operator.raw_operator.n_features_in_])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.algebra import onnx_ops as onnx
    from skl2onnx.common.data_types import guess_numpy_type

    given, opset = operator.inputs[0], container.target_opset
    number = guess_numpy_type(given.type)

    def constant(value: float) -> Array:
        return np.array([value], dtype=number)

    rounds = onnx.OnnxDiv(given, constant(operator.raw_operator.period), op_version=opset)
    fraction = onnx.OnnxSub(rounds, onnx.OnnxFloor(rounds, op_version=opset), op_version=opset)
    angle = onnx.OnnxMul(fraction, constant(2 * math.pi), op_version=opset)
    sine = onnx.OnnxSin(angle, op_version=opset)
    cosine = onnx.OnnxSin(onnx.OnnxAdd(angle, constant(math.pi / 2), op_version=opset), op_version=opset)
    both = onnx.OnnxConcat(sine, cosine, axis=1, op_version=opset, output_names=operator.outputs[:1])
    both.add_to(scope, container)


def register() -> None:
    """May be called twice."""
    from skl2onnx import update_registered_converter

    update_registered_converter(CyclicTransformer, "MlconfigExampleCyclic", _shape, _convert)
