"""scikit-learn's linear models, and how they are written: in double, where a sum of many terms needs it."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.linear_model import LogisticRegression, Ridge

from mlconfig.builtin.onnx_writer import Graph, OnnxModel


class _Linear(OnnxModel):
    """X · coefficients + intercept."""

    coef_: np.ndarray[Any, Any]
    intercept_: Any

    def write_scores(self, graph: Graph, x: str) -> tuple[str, str]:
        """One score for two classes or a value, else one a class."""
        coefficients = np.atleast_2d(self.coef_).astype(np.float64)
        double = graph.cast(x, TensorProto.DOUBLE)
        product = graph.node("MatMul", double, graph.constant(coefficients.T))
        intercept = np.atleast_1d(np.asarray(self.intercept_, dtype=np.float64))
        link = "sigmoid" if len(coefficients) == 1 else "softmax"
        return graph.node("Add", product, graph.constant(intercept)), link if hasattr(self, "classes_") else "identity"


class LinearClassifier(_Linear, LogisticRegression):  # type: ignore[misc]
    """Logistic regression that writes itself."""


class LinearRegressor(_Linear, Ridge):  # type: ignore[misc]
    """Ridge regression that writes itself."""
