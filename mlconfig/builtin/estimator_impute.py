"""Fills in what is missing: NaN in numbers, ``__null__`` in categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlconfig.builtin.onnx_writer import Graph, OnnxTransformer
from mlconfig.records.columns import WEIGHTLESS_NULL

Array = np.ndarray[Any, Any]


class ImputeTransformer(OnnxTransformer):
    """Missing values become the training rows' median, mean or most frequent value, or a constant, by column.

    Args:
        strategy: null is ``constant`` where a ``value`` is given, else median of numbers, most frequent category.
        value: the constant; of numbers 0 and of categories ``missing`` when left out.
    """

    def __init__(self, strategy: str | None = None, value: float | str | None = None) -> None:
        self.strategy, self.value = strategy, value

    def learn(self, x: Array) -> None:
        """One filling a column; a column without any value gets the constant's default."""
        self.text_ = x.dtype == object
        default = "most_frequent" if self.text_ else "median"
        strategy = self.strategy or ("constant" if self.value is not None else default)
        if self.text_ and strategy in ("median", "mean"):
            raise ValueError(f"impute: categories have no {strategy}; take most_frequent or a value")
        fillings = [self._filling(x[:, place], strategy) for place in range(x.shape[1])]
        self.fillings_ = np.asarray(fillings, dtype=object if self.text_ else np.float64)

    def _filling(self, column: Array, strategy: str) -> Any:
        known = column[column != WEIGHTLESS_NULL] if self.text_ else column[~np.isnan(column)].astype(np.float64)
        if strategy == "constant" or not len(known):
            return self._constant()
        if strategy == "most_frequent":
            levels, counts = np.unique(known, return_counts=True)
            return levels[np.argmax(counts)]
        return np.median(known) if strategy == "median" else np.mean(known)

    def _constant(self) -> Any:
        if self.text_:
            return "missing" if self.value is None else str(self.value)
        try:
            return float(self.value or 0.0)
        except ValueError:
            raise ValueError(f"impute: `{self.value}` is no number, and the column holds numbers") from None

    def apply(self, x: Array) -> Array:
        """The matrix without missing values."""
        if self.text_:
            return np.asarray(np.where(x == WEIGHTLESS_NULL, self.fillings_, x), dtype=object)
        return np.where(np.isnan(x), self.fillings_.astype(x.dtype), x)

    def inverse_transform(self, x: Array) -> Array:
        """The same, which is one of the values that lead to x."""
        return x

    def write(self, graph: Graph, x: str) -> str:
        """Where(missing, filling, x)."""
        if self.text_:
            missing = graph.node("Equal", x, graph.constant(np.asarray([WEIGHTLESS_NULL], dtype=object)))
            return graph.node("Where", missing, graph.constant(self.fillings_), x)
        return graph.node("Where", graph.node("IsNaN", x), graph.numbers(self.fillings_), x)
