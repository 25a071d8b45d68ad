"""Even samples of a window's rows, in memory that does not grow with the window: the rows with the smallest hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.monitoring.windows import moments_of
from mlconfig.profiles.distinct import Hashes, hash_texts

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.vocabulary import Window


class Sample:
    """The ``size`` rows with the smallest hashes of their prediction ids, of all that were added; ``seen``: how many were."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.seen = 0
        self._hashes: list[Hashes] = []
        self._tables: list[pa.Table] = []

    def add(self, rows: pa.Table, ids: Any) -> None:
        """Add rows with their prediction ids [rows]."""
        self.seen += len(rows)
        self._hashes.append(hash_texts(ids))
        self._tables.append(rows)
        if sum(len(hashes) for hashes in self._hashes) > 2 * self.size:
            self._thin()

    def _thin(self) -> None:
        import pyarrow as pa

        hashes = np.concatenate(self._hashes)
        order = np.argsort(hashes, kind="stable")[: self.size]
        self._tables = [pa.concat_tables(self._tables, promote_options="permissive").take(pa.array(order))]
        self._hashes = [hashes[order]]

    @property
    def table(self) -> pa.Table | None:
        """The sample in the order of the hashes; null when nothing was added."""
        if not self._tables:
            return None
        self._thin()
        return self._tables[0]


def sample_windows(
    blocks: Iterator[pa.Table],
    windows: Sequence[Window],
    time: Any,
    size: int,
    prepare: Callable[[pa.Table], tuple[pa.Table, Any]],
) -> dict[Window, Sample]:
    """A sample of each window; windows may overlap.

    Args:
        blocks: predictions that hold the windows' rows, with their ``prediction_id`` and moments.
        windows: which.
        time: what windows go by.
        size: rows of a sample.
        prepare: what is kept of a block's rows within one window, and their prediction ids.
    """
    import pyarrow as pa

    found = {window: Sample(size) for window in windows}
    for block in blocks:
        moments = moments_of(block, time)
        for window, sample in found.items():
            inside = np.flatnonzero((moments >= window.start) & (moments < window.end))
            if len(inside):
                rows, ids = prepare(block.take(pa.array(inside)))
                if len(rows):
                    sample.add(rows, ids)
    return found
