"""Tables as matrices for trees: numbers as they are, levels as codes, nulls as NaN."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.profiles.arrays import as_numbers, level_name
from mlconfig.profiles.histogram import Floats
from mlconfig.profiles.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa

    Places = np.ndarray[Any, np.dtype[np.int64]]

MOST_LEVELS = 255
"""Levels with a code of their own, the most frequent; the rest share one, and so do those never seen."""
_BEYOND = 1e300


class RowEncoder:
    """How rows become a matrix, learned from some tables.

    Timestamps, which always move on, are left out. A column that a table lacks is null there.

    Args:
        tables: whose levels get a code, the most frequent over all of them first.
        kinds: numeric, categorical, boolean or timestamp, by column.

    Attributes:
        names: the columns of the matrix. categorical: places of those that hold codes.

    Errors: ``DataError`` for a column that does not hold what its kind says.
    """

    def __init__(self, tables: Sequence[pa.Table], kinds: dict[str, str]) -> None:
        self.kinds = {name: kind for name, kind in kinds.items() if kind != "timestamp"}
        self.names = tuple(self.kinds)
        self._codes = {name: _ranked(tables, name, kind) for name, kind in self.kinds.items() if kind != "numeric"}
        self.categorical = tuple(place for place, name in enumerate(self.names) if name in self._codes)

    def matrix(self, table: pa.Table) -> Floats:
        """Rows as float64 [rows, columns]."""
        columns = [self._column(table, name) for name in self.names]
        return np.stack(columns, axis=1) if columns else np.empty((len(table), 0))

    def _column(self, table: pa.Table, name: str) -> Floats:
        if name not in table.column_names:
            return np.full(len(table), np.nan)
        if name not in self._codes:
            values = np.asarray(as_numbers(table.column(name), "numeric", name), np.float64)
            return np.clip(values, -_BEYOND, _BEYOND)
        codes, (levels, places) = self._codes[name], _levels(table, name, self.kinds[name])
        unseen = float(min(len(codes), MOST_LEVELS))
        return np.array([*(codes.get(level, unseen) for level in levels), np.nan])[places]


def kinds_of(layout: Layout, columns: Sequence[str]) -> dict[str, str]:
    """The kind of each column."""
    return {name: layout.column(name).kind for name in columns}


def _ranked(tables: Sequence[pa.Table], name: str, kind: str) -> dict[str, float]:
    counted = Counter[str]()
    for table in tables:
        if name in table.column_names:
            levels, places = _levels(table, name, kind)
            for level, count in zip(levels, np.bincount(places[places >= 0], minlength=len(levels)), strict=True):
                counted[level] += int(count)
    ranked = sorted(counted, key=lambda level: (-counted[level], level))
    return {level: float(min(rank, MOST_LEVELS)) for rank, level in enumerate(ranked)}


def _levels(table: pa.Table, name: str, kind: str) -> tuple[list[str], Places]:
    """The levels of a column as text, and the place of each row's [rows], -1 where it is null."""
    column = table.column(name).combine_chunks()
    encoded = column if hasattr(column, "dictionary") else column.dictionary_encode()
    named = level_name(kind)
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return [named(level) for level in encoded.dictionary.to_pylist()], places
