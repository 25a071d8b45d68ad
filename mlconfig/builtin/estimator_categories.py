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
    """A column of 0 and 1 for each level; behind them, for each column with rare levels, one for all of those together.

    A level seen in fewer than ``min_count`` training rows is rare. A level never seen counts as rare where there were
    rare ones, else it is 0 in all columns. A missing value is a level like others (``__null__``) unless it is imputed before.
    """

    def __init__(self, min_count: int = 1) -> None:
        self.min_count = min_count

    def learn(self, x: Array) -> None:
        """The levels kept of each column, sorted, and the places of the columns with rare ones."""
        self.levels_: list[list[str]] = []
        self.rare_: list[int] = []
        for place in range(x.shape[1]):
            levels, counts = np.unique(x[:, place].astype(str), return_counts=True)
            self.levels_.append(levels[counts >= self.min_count].tolist())
            if len(self.levels_[-1]) < len(levels):
                self.rare_.append(place)
        self.width_ = sum(map(len, self.levels_)) + len(self.rare_)

    def apply(self, x: Array) -> Array:
        """float32 [rows, width]."""
        result = np.zeros((len(x), self.width_), dtype=np.float32)
        start, rare_start, rows = 0, sum(map(len, self.levels_)), np.arange(len(x))
        for place, levels in enumerate(self.levels_):
            codes = _codes(x[:, place], levels)
            known = codes >= 0
            result[rows[known], start + codes[known]] = 1.0
            if place in self.rare_:
                result[rows[~known], rare_start + self.rare_.index(place)] = 1.0
            start += len(levels)
        return result

    def write(self, graph: Graph, x: str) -> str:
        """An encoder for each column; a rare column is what its column's levels leave of 1."""
        parts = [self._write_column(graph, x, place, levels or [NO_LEVEL]) for place, levels in enumerate(self.levels_)]
        known = parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=1)
        if not all(self.levels_):
            known = graph.columns(known, self._places_of_levels())
        if not self.rare_:
            return known
        owners = np.repeat(np.arange(len(self.levels_)), [len(levels) for levels in self.levels_])
        belongs = (owners[:, None] == np.asarray(self.rare_)).astype(np.float32)
        rest = graph.node("Sub", graph.constant(np.float32(1.0)), graph.node("MatMul", known, graph.constant(belongs)))
        return graph.node("Concat", known, rest, axis=1)

    def _write_column(self, graph: Graph, x: str, place: int, levels: list[str]) -> str:
        column = graph.columns(x, [place])
        encoded = graph.ml("OneHotEncoder", column, cats_strings=[level.encode() for level in levels], zeros=1)
        return graph.node("Reshape", encoded, graph.constant(np.asarray([-1, len(levels)], dtype=np.int64)))

    def _places_of_levels(self) -> list[int]:
        """Where levels stand when a column of nothing but rare ones has one that stands for none."""
        kept = [keep for levels in self.levels_ for keep in ([True] * len(levels) or [False])]
        return [place for place, keep in enumerate(kept) if keep]


NO_LEVEL = "\x00no level"
"""An encoder must have a level."""


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
