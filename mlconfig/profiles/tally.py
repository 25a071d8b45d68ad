"""The one pass over a window: blocks of rows that stay in cache, every numeric column of a block, then the next block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlconfig.profiles.arrays import as_numbers, count_levels
from mlconfig.profiles.counts import CategoricalCounts, NumericCounts
from mlconfig.profiles.histogram import (
    BLOCK_ROWS,
    BUCKETS,
    LARGEST,
    Counts,
    Float32s,
    Floats,
    Vector,
    count_standardised,
    standardise,
)
from mlconfig.profiles.layout import ColumnLayout

MOMENT_CLIP = 4.0
"""Scales (about 5.4 standard deviations of a normal column) beyond which a value counts as that far in second moments:
one wild value must not decide a correlation."""
_FARTHEST = np.float32(1e15)
_NO_ROWS: Counts = np.zeros(0, np.int64)


class _Scratch:
    """The buffers of one pass; ``moments`` is one row a correlated column and a row of ones [correlated + 1, block]."""

    def __init__(self, correlated: int, rows: int) -> None:
        size = min(rows, BLOCK_ROWS)
        self.index = np.empty(size, np.int32)
        self.sign = np.empty(size, np.int32)
        self.wide = np.empty(size)
        self.scaled = np.empty(size, np.float32)
        self.moments = np.empty((correlated + 1, size), np.float32)


def _range_of(layout: ColumnLayout, float32: bool) -> tuple[float, float]:
    """The reference's range; where either side is float32 its last bit is no breach (0.1 may come as 0.100000001)."""
    if layout.low > layout.high:
        return -np.inf, np.inf
    return layout.low - _last_bit(layout.low, float32), layout.high + _last_bit(layout.high, float32)


def _last_bit(bound: float, float32: bool) -> float:
    with np.errstate(over="ignore"):
        return abs(bound) * 2.0**-23 if float32 or float(np.float32(bound)) == bound else 0.0


class _NumericTally:
    """Adds up the blocks of one column."""

    def __init__(self, layout: ColumnLayout, values: Vector) -> None:
        self.layout, self.values = layout, values
        self.low, self.high = _range_of(layout, values.dtype == np.float32)
        self.counts = np.zeros(BUCKETS, np.int64)
        self.nulls = self.pos_inf = self.neg_inf = self.below = self.above = self.n = 0
        self.minimum, self.maximum = np.inf, -np.inf
        self.total = self.total_squared = 0.0

    def add(self, block: slice, scaled: Float32s, scratch: _Scratch) -> Counts:
        """Count a block, leave its standardised values in ``scaled``, and say which of its rows have no finite value."""
        values = self.values[block]
        standardise(values, self.layout.centre, self.layout.scale, scaled, scratch.wide[: len(values)])
        finite = np.isfinite(values)
        if finite.all():
            self._count(values, scaled, scratch)
            return _NO_ROWS
        unusual = np.flatnonzero(~finite)
        self._count_apart(values[unusual])
        if len(unusual) < len(values):
            values, scaled = values.copy(), scaled.copy()
            values[unusual], scaled[unusual] = np.nan, 0.0
            self._count(values, scaled, scratch)
            # The zeros that stood in for them fell into the middle bucket; to the sums they added nothing.
            self.counts[LARGEST] -= len(unusual)
            self.n -= len(unusual)
        return unusual

    def _count(self, values: Vector, scaled: Float32s, scratch: _Scratch) -> None:
        lowest, highest = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
        self._range(values, lowest, highest)
        self.n += len(values)
        self.counts += count_standardised(scaled, scratch.index[: len(values)], scratch.sign[: len(values)])
        self._sums(scaled, lowest, highest)

    def _count_apart(self, unusual: Vector) -> None:
        nulls = int(np.isnan(unusual).sum())
        positive = int((unusual > 0).sum())
        self.nulls += nulls
        self.pos_inf += positive
        self.neg_inf += len(unusual) - nulls - positive

    def _range(self, values: Vector, lowest: float, highest: float) -> None:
        self.minimum, self.maximum = min(self.minimum, lowest), max(self.maximum, highest)
        if lowest < self.low:
            self.below += int((values < self.low).sum())
        if highest > self.high:
            self.above += int((values > self.high).sum())

    def _sums(self, scaled: Float32s, lowest: float, highest: float) -> None:
        farthest = max(abs(lowest - self.layout.centre), abs(highest - self.layout.centre))
        if not farthest < float(_FARTHEST) * self.layout.scale:
            scaled = np.clip(scaled, -_FARTHEST, _FARTHEST)
        self.total += float(scaled.sum())
        self.total_squared += float(np.dot(scaled, scaled))

    def counted(self) -> NumericCounts:
        names = ("counts", "nulls", "pos_inf", "neg_inf", "below", "above", "n", "total", "total_squared")
        return NumericCounts(
            **{name: getattr(self, name) for name in names}, minimum=self.minimum, maximum=self.maximum
        )


def tally_numbers(
    columns: Sequence[ColumnLayout], given: Mapping[str, Any], rows: int
) -> tuple[dict[str, NumericCounts], Floats]:
    """Counts of the numeric and timestamp columns, and the second moments [correlated + 1, correlated + 1]."""
    tallies = [_NumericTally(column, as_numbers(given[column.name], column.kind, column.name)) for column in columns]
    correlated = sum(column.kind == "numeric" for column in columns)
    moments = np.zeros((correlated + 1, correlated + 1))
    scratch = _Scratch(correlated, rows)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, rows, BLOCK_ROWS):
            block = slice(start, min(start + BLOCK_ROWS, rows))
            size, row, incomplete = block.stop - start, 0, list[Counts]()
            for tally in tallies:
                kept = tally.layout.kind == "numeric"
                unusual = tally.add(block, scratch.moments[row, :size] if kept else scratch.scaled[:size], scratch)
                if kept:
                    incomplete.append(unusual)
                    row += 1
            moments += _moments_of(scratch.moments[:, :size], np.concatenate([_NO_ROWS, *incomplete]))
    return {tally.layout.name: tally.counted() for tally in tallies}, moments


def _moments_of(scaled: Float32s, incomplete: Counts) -> Floats:
    """Sums of products over the complete rows of a block; the last row becomes ones, so sums and count come along."""
    np.clip(scaled, -MOMENT_CLIP, MOMENT_CLIP, out=scaled)
    scaled[-1] = 1.0
    if len(incomplete):
        scaled[:, incomplete] = 0.0
    return (scaled @ scaled.T).astype(np.float64)


def tally_levels(column: ColumnLayout, values: Any) -> CategoricalCounts:
    """Counts of a categorical or boolean column by known level."""
    by_level, nulls, _ = count_levels(values, column.kind)
    known = [by_level.pop(level, 0) for level in column.categories]
    unknown = sum(by_level.values())
    other, new = (unknown, 0) if column.truncated else (0, unknown)
    return CategoricalCounts(np.array(known, np.int64), nulls, other, new)
