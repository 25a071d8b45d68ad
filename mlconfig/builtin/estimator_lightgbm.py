"""LightGBM's estimators, and how their trees are written."""

from __future__ import annotations

import math
from typing import Any

from lightgbm import LGBMClassifier, LGBMRegressor

from mlconfig.builtin.onnx_trees import Trees
from mlconfig.builtin.onnx_writer import Graph, OnnxModel
from mlconfig.errors import PackagingError

ZERO = 1.0000000180025095e-35
"""``kZeroThreshold`` in LightGBM's ``meta.h``: 1e-35 as a float."""


class _Gbm(OnnxModel):
    """The sum over trees; where there are several classes, tree t is of class t mod classes."""

    booster_: Any
    best_iteration_: int | None

    def write_scores(self, graph: Graph, x: str) -> tuple[str, str]:
        """Raw scores, linked by sigmoid or softmax for classes."""
        dump = self.booster_.dump_model(num_iteration=self.best_iteration_ or -1)
        per_iteration = int(dump["num_tree_per_iteration"])
        trees = Trees(targets=per_iteration)
        for number, info in enumerate(dump["tree_info"]):
            _add_tree(trees, number, number % per_iteration, info["tree_structure"])
        link = "softmax" if per_iteration > 1 else "sigmoid"
        return trees.write(graph, x), link if hasattr(self, "_le") else "identity"


def _add_tree(trees: Trees, number: int, target: int, root: dict[str, Any]) -> None:
    """Numbers the nodes from the root on; ONNX wants the root first."""
    waiting, next_id = [(root, 0)], 1
    while waiting:
        node, place = waiting.pop()
        if "split_feature" not in node:
            trees.leaf(number, place, target, node["leaf_value"])
            continue
        if node["decision_type"] != "<=":
            raise PackagingError("LightGBM split a column by sets of categories, which this exporter cannot write")
        question = (int(node["split_feature"]), _threshold(node), next_id, next_id + 1)
        trees.branch(number, place, *question, nan_true=_nan_goes_left(node))
        waiting += [(node["left_child"], next_id), (node["right_child"], next_id + 1)]
        next_id += 2


def _threshold(node: dict[str, Any]) -> float:
    """LightGBM reads a number up to ``ZERO`` as 0, which lies above the threshold that ends the negative ones, -``ZERO``."""
    value = float(node["threshold"])
    return math.nextafter(-ZERO, -math.inf) if -ZERO <= value < 0.0 else value


def _nan_goes_left(node: dict[str, Any]) -> bool:
    """Where the training rows had no NaN at a split, LightGBM reads NaN as 0."""
    return bool(node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0.0)


class GbmClassifier(_Gbm, LGBMClassifier):  # type: ignore[misc]
    """LightGBM for classes that writes itself."""


class GbmRegressor(_Gbm, LGBMRegressor):  # type: ignore[misc]
    """LightGBM for values that writes itself."""
