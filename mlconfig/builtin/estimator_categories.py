"""Numbers out of categories: one column a level, or one code a level."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlconfig.builtin.onnx_writer import Graph, OnnxTransformer

Array = np.ndarray[Any, Any]


def _codes(column: Array, levels: list[str]) -> Array:
    """The place of each value in ``levels``, −1 for none."""
    places = {level: place for place, level in enumerate(levels)}
    return np.fromiter((places.get(value, -1) for value in column.tolist()), dtype=np.int64, count=len(column))


class OneHotTransformer(OnnxTransformer):
    """A column of 0 and 1 for each level, and one for all rare levels together.

    A level seen in fewer than ``min_count`` training rows is rare. A level never seen counts as rare where there were
    rare ones, else it is 0 in all columns. A missing value is a level like others (``__null__``) unless it is imputed before.
    """

    def __init__(self, min_count: int = 1) -> None:
        self.min_count = min_count

    def learn(self, x: Array) -> None:
        """The levels kept of each column, sorted, and whether there are rare ones."""
        self.levels_: list[list[str]] = []
        self.rare_: list[bool] = []
        for place in range(x.shape[1]):
            levels, counts = np.unique(x[:, place].astype(str), return_counts=True)
            kept = levels[counts >= self.min_count].tolist()
            self.levels_.append(kept)
            self.rare_.append(len(kept) < len(levels))
        self.width_ = sum(len(levels) + rare for levels, rare in zip(self.levels_, self.rare_, strict=True))

    def apply(self, x: Array) -> Array:
        """float32 [rows, width]."""
        result = np.zeros((len(x), self.width_), dtype=np.float32)
        start, rows = 0, np.arange(len(x))
        for place, (levels, rare) in enumerate(zip(self.levels_, self.rare_, strict=True)):
            codes = _codes(x[:, place], levels)
            codes[codes < 0] = len(levels) if rare else -1
            known = codes >= 0
            result[rows[known], start + codes[known]] = 1.0
            start += len(levels) + rare
        return result

    def write(self, graph: Graph, x: str) -> str:
        """OneHotEncoder by column; the rare column is what the others leave of 1."""
        parts = [self._write_column(graph, x, place) for place in range(len(self.levels_))]
        return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=1)

    def _write_column(self, graph: Graph, x: str, place: int) -> str:
        levels, rare = self.levels_[place], self.rare_[place]
        if not levels:
            return self._write_constant(graph, x, 1.0)
        column = graph.columns(x, [place])
        encoded = graph.ml("OneHotEncoder", column, cats_strings=[level.encode() for level in levels], zeros=1)
        known = graph.node("Reshape", encoded, graph.constant(np.asarray([-1, len(levels)], dtype=np.int64)))
        if not rare:
            return known
        total = graph.node("ReduceSum", known, graph.constant(np.asarray([1], dtype=np.int64)), keepdims=1)
        rest = graph.node("Sub", graph.constant(np.asarray(1.0, dtype=np.float32)), total)
        return graph.node("Concat", known, rest, axis=1)

    def _write_constant(self, graph: Graph, x: str, value: float) -> str:
        """A column where every level is rare: the same in every row."""
        equal = graph.node("Equal", graph.columns(x, [0]), graph.columns(x, [0]))
        one = graph.constant(np.asarray(value, dtype=np.float32))
        return graph.node("Where", equal, one, one)


class OrdinalTransformer(OnnxTransformer):
    """The place of each level among the levels of the training rows, sorted; a level never seen is −1."""

    def learn(self, x: Array) -> None:
        """The levels of each column."""
        self.levels_ = [np.unique(x[:, place].astype(str)).tolist() for place in range(x.shape[1])]

    def apply(self, x: Array) -> Array:
        """float32 [rows, columns]."""
        codes = [_codes(x[:, place], levels) for place, levels in enumerate(self.levels_)]
        return np.stack(codes, axis=1).astype(np.float32)

    def write(self, graph: Graph, x: str) -> str:
        """LabelEncoder by column."""
        parts = [
            graph.ml(
                "LabelEncoder",
                graph.columns(x, [place]),
                keys_strings=[level.encode() for level in levels],
                values_floats=[float(code) for code in range(len(levels))],
                default_float=-1.0,
            )
            for place, levels in enumerate(self.levels_)
        ]
        return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=1)
