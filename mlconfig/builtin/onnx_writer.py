"""Writes nodes into the graph that skl2onnx makes, and lets our estimators write their own.

An estimator with ``onnx_shape_calculator`` and ``onnx_converter`` needs no registration: skl2onnx asks it. Arithmetic is in the
type of the input, float32 or float64, in scikit-learn as in the graph, so that both come to the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.base import BaseEstimator, TransformerMixin

ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 3


def matrix(values: Any) -> np.ndarray[Any, Any]:
    """A frame's or array's values, in the one type of its columns; two-dimensional."""
    return np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)


def number_type(variable_type: Any) -> type[Any]:
    """The type of numbers that come out of a step: double for double, else float."""
    found: type[Any] = DoubleTensorType if isinstance(variable_type, DoubleTensorType) else FloatTensorType
    return found


class Graph:
    """Adds nodes and constants to a skl2onnx container; a value is known by its name."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        self._scope, self._operator, self._container = scope, operator, container
        self.input = str(operator.inputs[0].onnx_name)
        kind = operator.inputs[0].type
        self.dtype = np.float64 if isinstance(kind, DoubleTensorType) else np.float32
        self.onnx_dtype = TensorProto.DOUBLE if self.dtype is np.float64 else TensorProto.FLOAT

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """One node with one output, whose name it gives back."""
        name = str(self._scope.get_unique_variable_name(op.lower()))
        version = ML_OPSET if domain == ML_DOMAIN else self._container.target_opset
        unique = self._scope.get_unique_operator_name(op)
        self._container.add_node(
            op, list(inputs), [name], op_domain=domain, op_version=version, name=unique, **attributes
        )
        return name

    def ml(self, op: str, *inputs: str, **attributes: Any) -> str:
        """One node of ``ai.onnx.ml``."""
        return self.node(op, *inputs, domain=ML_DOMAIN, **attributes)

    def constant(self, values: Any) -> str:
        """An initializer with these values; text must be an object array."""
        array = np.asarray(values)
        name = str(self._scope.get_unique_variable_name("constant"))
        tensor = numpy_helper.from_array(array)
        content = [text.encode() for text in array.ravel().tolist()] if array.dtype == object else array.ravel()
        self._container.add_initializer(name, tensor.data_type, list(array.shape), content)
        return name

    def numbers(self, values: Any) -> str:
        """An initializer in the type of the input."""
        return self.constant(np.asarray(values, dtype=self.dtype))

    def cast(self, value: str, to: int) -> str:
        """The value in another type."""
        return self.node("Cast", value, to=to)

    def columns(self, value: str, places: list[int]) -> str:
        """Some columns of a matrix."""
        return self.node("Gather", value, self.constant(np.asarray(places, dtype=np.int64)), axis=1)

    def give(self, place: int, value: str) -> None:
        """Make a value the estimator's output number ``place``."""
        name = self._scope.get_unique_operator_name("Give")
        output = self._operator.outputs[place].onnx_name
        self._container.add_node("Identity", [value], [output], op_version=self._container.target_opset, name=name)


class OnnxTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of our transformers: ``learn`` from a matrix, ``apply`` to one, ``write`` the same as nodes.

    A subclass sets ``width_`` (columns that come out) when it learns, and ``text_`` where text comes out.
    """

    text_: bool = False
    width_: int

    def fit(self, X: Any, y: Any = None) -> OnnxTransformer:  # noqa: ARG002, N803 — scikit-learn's signature
        """Learn from the training rows."""
        values = matrix(X)
        self.width_ = values.shape[1]
        self.learn(values)
        return self

    def transform(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803 — scikit-learn's signature
        """The step's output; numbers keep their type."""
        return self.apply(matrix(X))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "width_")

    def learn(self, x: np.ndarray[Any, Any]) -> None:  # noqa: ARG002 — nothing by default
        """Set learned state, ending in ``_``; nothing by default."""
        return

    def apply(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The output for a matrix."""
        raise NotImplementedError

    def write(self, graph: Graph, x: str) -> str:
        """The same in nodes; gives the name of the output."""
        raise NotImplementedError

    def onnx_shape_calculator(self) -> Callable[[Any], None]:
        """What skl2onnx asks for the type and shape of the output."""

        def shape(operator: Any) -> None:
            kind = StringTensorType if self.text_ else number_type(operator.inputs[0].type)
            operator.outputs[0].type = kind([None, self.width_])

        return shape

    def onnx_converter(self) -> Callable[[Any, Any, Any], None]:
        """What skl2onnx asks for the nodes."""

        def convert(scope: Any, operator: Any, container: Any) -> None:
            graph = Graph(scope, operator, container)
            graph.give(0, self.write(graph, graph.input))

        return convert


class OnnxModel:
    """Mix-in of our models: ``write_scores`` writes raw scores in double; labels and probabilities follow from them.

    ``link_``: what makes answers out of raw scores: ``identity`` (regression [rows, 1], or probabilities [rows, classes]
    for classes), ``sigmoid`` ([rows, 1], of the second class) or ``softmax`` ([rows, classes]).

    No abstract base: LightGBM's ``get_params`` changes the class of a copy to one of its bases, which Python refuses then.
    """

    def write_scores(self, graph: Graph, x: str) -> tuple[str, str]:
        """The name of the raw scores (float or double), and the link."""
        raise NotImplementedError

    def onnx_shape_calculator(self) -> Callable[[Any], None]:
        """Label int64 [rows] and probabilities float [rows, classes]; or values float [rows, 1]."""

        def shape(operator: Any) -> None:
            if len(operator.outputs) == 1:
                operator.outputs[0].type = FloatTensorType([None, 1])
                return
            operator.outputs[0].type = Int64TensorType([None])
            operator.outputs[1].type = FloatTensorType([None, len(operator.raw_operator.classes_)])

        return shape

    def onnx_converter(self) -> Callable[[Any, Any, Any], None]:
        """Scores, link, label."""

        def convert(scope: Any, operator: Any, container: Any) -> None:
            graph = Graph(scope, operator, container)
            scores, link = self.write_scores(graph, graph.input)
            if len(operator.outputs) == 1:
                graph.give(0, graph.cast(scores, TensorProto.FLOAT))
                return
            probabilities = _linked(graph, scores, link)
            graph.give(0, graph.node("ArgMax", probabilities, axis=1, keepdims=0))
            graph.give(1, graph.cast(probabilities, TensorProto.FLOAT))

        return convert


def _linked(graph: Graph, scores: str, link: str) -> str:
    """Probabilities out of scores, in double, so that a tie is a tie in both."""
    double = graph.cast(scores, TensorProto.DOUBLE)
    if link == "softmax":
        return graph.node("Softmax", double, axis=1)
    if link == "sigmoid":
        positive = graph.node("Sigmoid", double)
        one = graph.constant(np.asarray(1.0, dtype=np.float64))
        return graph.node("Concat", graph.node("Sub", one, positive), positive, axis=1)
    return double
