"""The newest label of each name, in four columns that are sorted by the name's number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.monitoring.names import numbers_of

if TYPE_CHECKING:
    import pyarrow as pa

    Floats = np.ndarray[Any, np.dtype[np.float64]]

_COLUMNS = {"name": np.uint64, "y": np.float64, "arrived": np.float64, "version": np.int32}
_ROOM = 1 << 16
"""Rows that there is room for at least beside those that are sorted."""


class Newest:
    """Takes labels in blocks, keeps the best of each name: the highest version, then the first arrival, then the first taken.

    Rows are sorted in when the room is full, so that what was sent again and again is held once. The columns grow in place:
    what is copied to a larger one would be in memory twice.
    """

    def __init__(self) -> None:
        self._columns: dict[str, Any] = {name: np.zeros(0, kind) for name, kind in _COLUMNS.items()}
        self._count = self._sorted = 0

    def __len__(self) -> int:
        return self._sorted

    def add(self, names: pa.ChunkedArray, y: Floats, arrived: Floats, version: Any) -> None:
        """Take a block; ``settle`` must be called before names are looked up."""
        if self._count + len(y) > len(self._columns["name"]):
            self.settle()
            self._resize(self._count + self._count // 4 + len(y) + _ROOM)
        for column, values in zip(self._columns.values(), (numbers_of(names), y, arrived, version), strict=True):
            column[self._count : self._count + len(y)] = values
        self._count += len(y)

    def settle(self) -> None:
        """Sort in what was taken since, and give back the room."""
        order = self._best(self._columns["name"][: self._count])
        for column in self._columns.values():
            column[: len(order)] = column[order]
        self._count = self._sorted = len(order)
        self._resize(self._count)

    def _resize(self, rows: int) -> None:
        for column in self._columns.values():
            column.resize(rows, refcheck=False)

    def _best(self, names: Any) -> Any:
        """The places of the rows that stay, by name."""
        order = np.argsort(names, kind="stable")
        ordered = names[order]
        again = np.flatnonzero(ordered[1:] == ordered[:-1])
        if not len(again):
            return order
        together = np.union1d(again, again + 1)
        rivals = order[together]
        arrived, version = (self._columns[name][rivals] for name in ("arrived", "version"))
        order[together] = rivals[np.lexsort((arrived, -version, names[rivals]))]
        return np.delete(order, again + 1)

    def find(self, names: pa.ChunkedArray) -> tuple[Floats, Floats, Floats]:
        """Label, its arrival and its version by name [rows]; NaN where there is none."""
        wanted = numbers_of(names)
        found = tuple(np.full(len(wanted), math.nan) for _ in range(3))
        if len(self):
            there, place = self._places(wanted)
            there &= np.asarray(names.is_valid())
            for values, column in zip(found, ("y", "arrived", "version"), strict=True):
                values[there] = self._columns[column][place[there]]
        return found[0], found[1], found[2]

    def _places(self, wanted: Any) -> tuple[Any, Any]:
        """Whether each number is there, and where. Looked up in their order: the way to the next is in the cache."""
        known, order = self._columns["name"], np.argsort(wanted)
        place = np.empty(len(wanted), np.int64)
        place[order] = np.minimum(np.searchsorted(known, wanted[order]), len(known) - 1)
        return known[place] == wanted, place
