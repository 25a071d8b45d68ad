"""scikit-learn's forests and histogram boosting, and how their trees are written."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from mlconfig.builtin.onnx_trees import Trees
from mlconfig.builtin.onnx_writer import Graph, OnnxModel

NO_CHILD = -1


class _Forest(OnnxModel):
    """The mean over trees; scikit-learn's trees read float32."""

    estimators_: list[Any]

    def write_scores(self, graph: Graph, x: str) -> tuple[str, str]:
        """Probabilities of classes or the value."""
        trees = Trees(targets=len(getattr(self, "classes_", (0,))))
        for number, estimator in enumerate(self.estimators_):
            self._add(trees, number, estimator.tree_)
        return trees.write(graph, graph.cast(x, TensorProto.FLOAT)), "identity"

    def _add(self, trees: Trees, number: int, tree: Any) -> None:
        values = tree.value[:, 0, :]
        if hasattr(self, "classes_"):
            values = values / values.sum(axis=1, keepdims=True)
        left, right, share = tree.children_left.tolist(), tree.children_right.tolist(), 1.0 / len(self.estimators_)
        for node, feature in enumerate(tree.feature.tolist()):
            if left[node] == NO_CHILD:
                trees.leaf(number, node, 0, values[node, 0] * share)
                for target in range(1, values.shape[1]):
                    trees.weigh(number, node, target, values[node, target] * share)
                continue
            nan_left = bool(tree.missing_go_to_left[node])
            trees.branch(number, node, feature, tree.threshold[node], left[node], right[node], nan_true=nan_left)


class ForestClassifier(_Forest, RandomForestClassifier):  # type: ignore[misc]
    """A random forest of classes that writes itself."""


class ForestRegressor(_Forest, RandomForestRegressor):  # type: ignore[misc]
    """A random forest of values that writes itself."""


class _Boosted(OnnxModel):
    """The baseline plus the sum over trees; one tree a class and iteration."""

    _predictors: list[list[Any]]
    _baseline_prediction: np.ndarray[Any, Any]

    def write_scores(self, graph: Graph, x: str) -> tuple[str, str]:
        """Raw scores, linked by sigmoid or softmax for classes."""
        base = tuple(float(value) for value in np.asarray(self._baseline_prediction).ravel())
        trees = Trees(targets=len(base), base=base)
        number = 0
        for iteration in self._predictors:
            for target, predictor in enumerate(iteration):
                _add_predictor(trees, number, target, predictor.nodes)
                number += 1
        link = "softmax" if len(base) > 1 else "sigmoid"
        return trees.write(graph, x), link if hasattr(self, "classes_") else "identity"


def _add_predictor(trees: Trees, number: int, target: int, nodes: Any) -> None:
    for place, node in enumerate(nodes):
        if node["is_leaf"]:
            trees.leaf(number, place, target, float(node["value"]))
            continue
        question = (int(node["feature_idx"]), float(node["num_threshold"]), int(node["left"]), int(node["right"]))
        trees.branch(number, place, *question, nan_true=bool(node["missing_go_to_left"]))


class BoostedClassifier(_Boosted, HistGradientBoostingClassifier):  # type: ignore[misc]
    """Histogram boosting of classes that writes itself."""


class BoostedRegressor(_Boosted, HistGradientBoostingRegressor):  # type: ignore[misc]
    """Histogram boosting of values that writes itself."""
