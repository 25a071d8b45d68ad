"""Transformers of numbers: scale, clip, logarithm, nothing. NaN stays NaN in all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from mlconfig.builtin.onnx_writer import Graph, OnnxTransformer

Array = np.ndarray[Any, Any]


class PassthroughTransformer(OnnxTransformer):
    """The numbers as they are."""

    def apply(self, x: Array) -> Array:
        """The same."""
        return x

    def inverse_transform(self, x: Array) -> Array:
        """The same."""
        return x

    def write(self, graph: Graph, x: str) -> str:  # noqa: ARG002 — nothing to add
        """No node."""
        return x


class StandardScaleTransformer(OnnxTransformer):
    """(x − mean) / standard deviation of the training rows; a constant column is only centred."""

    def learn(self, x: Array) -> None:
        """Means and standard deviations, without NaN; 0 and 1 for a column of NaN alone."""
        x = x.astype(np.float64)
        known = ~np.isnan(x)
        count = np.maximum(known.sum(axis=0), 1)
        self.mean_ = np.where(known, x, 0.0).sum(axis=0) / count
        deviation = np.sqrt((np.where(known, x - self.mean_, 0.0) ** 2).sum(axis=0) / count)
        self.scale_ = np.where(deviation > 10 * np.finfo(np.float32).eps * np.abs(self.mean_), deviation, 1.0)

    def apply(self, x: Array) -> Array:
        """In the type of x, as the graph does it."""
        return np.asarray((x - self.mean_.astype(x.dtype)) / self.scale_.astype(x.dtype))

    def inverse_transform(self, x: Array) -> Array:
        """Times standard deviation, plus mean."""
        return np.asarray(x * self.scale_ + self.mean_)

    def write(self, graph: Graph, x: str) -> str:
        """Sub, Div."""
        return graph.node("Div", graph.node("Sub", x, graph.numbers(self.mean_)), graph.numbers(self.scale_))


class ClipTransformer(OnnxTransformer):
    """Values below ``low`` become ``low``, values above ``high`` become ``high``; null is no bound."""

    def __init__(self, low: float | None = None, high: float | None = None) -> None:
        self.low, self.high = low, high

    def apply(self, x: Array) -> Array:
        """Both bounds in the type of x."""
        for bound, beyond in ((self.low, np.less), (self.high, np.greater)):
            if bound is not None:
                limit = x.dtype.type(bound)
                x = np.where(beyond(x, limit), limit, x)
        return x

    def inverse_transform(self, x: Array) -> Array:
        """The same, which is one of the values that lead to x."""
        return x

    def write(self, graph: Graph, x: str) -> str:
        """Where, and not Clip, whose NaN is not defined."""
        for bound, compare in ((self.low, "Less"), (self.high, "Greater")):
            if bound is not None:
                limit = graph.numbers(bound)
                x = graph.node("Where", graph.node(compare, x, limit), limit, x)
        return x


class Log1pTransformer(OnnxTransformer):
    """sign(x) · log(1 + |x|), reckoned in float64 and rounded to float32: log1p, and defined below 0 too.

    The rounding takes away the last bit of a logarithm, in which libraries differ; a tree's threshold may lie on a value.
    """

    def apply(self, x: Array) -> Array:
        """Given back in the type of x."""
        double = x.astype(np.float64)
        return np.asarray((np.sign(double) * np.log(1.0 + np.abs(double))).astype(np.float32).astype(x.dtype))

    def write(self, graph: Graph, x: str) -> str:
        """Cast, Sign · Log(1 + Abs), Cast, Cast."""
        double = graph.cast(x, TensorProto.DOUBLE)
        one = graph.constant(np.asarray(1.0, dtype=np.float64))
        logarithm = graph.node("Log", graph.node("Add", one, graph.node("Abs", double)))
        rounded = graph.cast(graph.node("Mul", graph.node("Sign", double), logarithm), TensorProto.FLOAT)
        return graph.cast(rounded, graph.onnx_dtype)
