"""Trees of any library as one TreeEnsembleRegressor with thresholds and leaves in double: no row crosses one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from mlconfig.builtin.onnx_writer import Graph

_NODE_FIELDS = (
    "treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true",
)  # fmt: skip
_LEAF_FIELDS = ("treeids", "nodeids", "ids", "weights")


@dataclass
class Trees:
    """Nodes and leaves as ONNX lists them. A row goes to the true branch when x ≤ threshold, or x is NaN and ``nan_true``.

    ``targets``: numbers that come out, sums over all trees' leaves plus ``base``.
    """

    targets: int
    base: tuple[float, ...] = ()
    nodes: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _NODE_FIELDS})
    leaves: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _LEAF_FIELDS})

    def branch(
        self, tree: int, node: int, feature: int, threshold: float, true: int, false: int, *, nan_true: bool
    ) -> None:
        """One question and where its two answers lead."""
        self._node(tree, node, "BRANCH_LEQ", feature, threshold, true, false, int(nan_true))

    def leaf(self, tree: int, node: int, target: int, weight: float) -> None:
        """One leaf that adds to one number."""
        self._node(tree, node, "LEAF", 0, 0.0, 0, 0, 0)
        self.weigh(tree, node, target, weight)

    def weigh(self, tree: int, node: int, target: int, weight: float) -> None:
        """What a leaf, which is there already, adds to one more number."""
        for name, value in zip(_LEAF_FIELDS, (tree, node, target, float(weight)), strict=True):
            self.leaves[name].append(value)

    def _node(self, *values: Any) -> None:
        for name, value in zip(_NODE_FIELDS, values, strict=True):
            self.nodes[name].append(value)

    def write(self, graph: Graph, x: str) -> str:
        """The node over x, cast to double; gives float [rows, targets]."""
        attributes = {f"nodes_{name}": values for name, values in self.nodes.items() if name != "values"}
        attributes |= {f"target_{name}": values for name, values in self.leaves.items() if name != "weights"}
        attributes["nodes_values_as_tensor"] = _tensor(self.nodes["values"])
        attributes["target_weights_as_tensor"] = _tensor(self.leaves["weights"])
        if self.base:
            attributes["base_values_as_tensor"] = _tensor(self.base)
        double = graph.cast(x, TensorProto.DOUBLE)
        return graph.ml("TreeEnsembleRegressor", double, n_targets=self.targets, aggregate_function="SUM", **attributes)


def _tensor(values: Any) -> Any:
    return numpy_helper.from_array(np.asarray(values, dtype=np.float64))
