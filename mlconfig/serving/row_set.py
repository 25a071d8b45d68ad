"""Decoded rows of a batch, packed once for all versions that pack alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlconfig.records.packing import Feeds
from mlconfig.serving.pack import RowPacker


class RowSet:
    """``rows``: structs; ``times``: wall-clock seconds of each row's timestamp features."""

    def __init__(
        self, rows: Sequence[Any], times: Sequence[Any], packed: dict[tuple[Any, ...], Feeds] | None = None
    ) -> None:
        self.rows, self.times = rows, times
        self.packed = packed if packed is not None else {}

    def __len__(self) -> int:
        return len(self.rows)

    def feeds(self, packer: RowPacker) -> Feeds:
        """The inputs of a graph."""
        if packer.key not in self.packed:
            self.packed[packer.key] = packer.pack(self.rows, self.times)
        return self.packed[packer.key]

    def take(self, places: Sequence[int]) -> RowSet:
        """Some of the rows; what was packed is not packed again."""
        rows, times = [self.rows[place] for place in places], [self.times[place] for place in places]
        index = np.array(places, dtype=np.intp)  # indexing by a list costs twice as much
        packed = {
            key: {name: array.take(index, axis=0) for name, array in feeds.items()}
            for key, feeds in self.packed.items()
        }
        return RowSet(rows, times, packed)
