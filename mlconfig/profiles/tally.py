"""Counting as rows come: blocks of rows that stay in cache, every numeric column of a block, then the next block.

Rows that come a few at a time wait until they fill a block: a block costs much the same however few rows it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Any

import numpy as np

from mlconfig.profiles.arrays import LevelCounter, as_numbers
from mlconfig.profiles.counts import CategoricalCounts, NumericCounts
from mlconfig.profiles.histogram import (
    BLOCK_ROWS,
    BUCKETS,
    BucketCounter,
    Counts,
    Float32s,
    Floats,
    Vector,
    standardise,
    with_middle,
)
from mlconfig.profiles.layout import ColumnLayout

MOMENT_CLIP = 4.0
"""Scales (about 5.4 standard deviations of a normal column) beyond which a value counts as that far in second moments:
one wild value must not decide a correlation."""
_FARTHEST = 1e15
_LAST_OCTAVE = 4095.0
_KNOWN_ROWS = 2 * BLOCK_ROWS
"""Rows a block at most where it is known how many come: half as many blocks are worth some misses of the cache. Rows that
wait, perhaps for hours, would take twice the memory."""
_LANES = 16
"""Rows of the block are padded to a multiple of this: the library's matrix product takes them twice as fast."""


class _Block:
    """Standardised values [columns, rows]: the correlated columns, ones, padding, the other columns; and scratch."""

    def __init__(self, correlated: int, others: int, capacity: int) -> None:
        self.ones = correlated
        self.padded = -(-(correlated + 1) // _LANES) * _LANES if correlated else 1
        self.values = np.empty((self.padded + others, capacity), np.float32)
        self.values[correlated] = 1.0
        self.values[correlated + 1 : self.padded] = 0.0
        self.counter = BucketCounter(capacity)
        self.wide = np.empty(capacity)
        self.incomplete = list[Counts]()

    @property
    def capacity(self) -> int:
        return self.values.shape[1]

    def sums(self, row: int, size: int) -> tuple[float, float]:
        """Of a column's values and of their squares."""
        scaled = self.values[row, :size]
        return float(scaled.dot(self.values[self.ones, :size])), float(scaled.dot(scaled))

    def moments(self, size: int) -> Floats:
        """Sums of products of the correlated columns and ones over the complete rows [correlated + 1, correlated + 1]."""
        scaled, end = self.values[: self.padded, :size], self.ones + 1
        for rows in self.incomplete:
            scaled[:, rows] = 0.0
        products = (scaled @ scaled.T)[:end, :end].astype(np.float64)
        for rows in self.incomplete:
            scaled[self.ones, rows] = 1.0
        self.incomplete.clear()
        return products


class _Waiting:
    """Columns of rows that do not fill a block yet."""

    def __init__(self) -> None:
        self.columns, self.size = list[Vector](), 0

    def fits(self, numbers: list[Vector], rows: int) -> bool:
        """Whether there is room, and all columns have the types of those that wait."""
        same = [column.dtype for column in self.columns] == [values.dtype for values in numbers]
        return same and self.size + rows <= BLOCK_ROWS

    def add(self, numbers: list[Vector], rows: int) -> None:
        if not self.size:
            self.columns = [np.empty(BLOCK_ROWS, values.dtype) for values in numbers]
        end = self.size + rows
        for column, values in zip(self.columns, numbers, strict=True):
            column[self.size : end] = values
        self.size = end

    def take(self) -> list[Vector]:
        """All of them; none waits then."""
        size, self.size = self.size, 0
        return [column[:size] for column in self.columns]


class _NumericTally:
    """Adds up one column. ``row`` is its place in the block; ``farthest`` how far its values in the block reach;
    ``summed`` says whether they were added to the sums, or the second moments still have to tell them.
    """

    def __init__(self, layout: ColumnLayout, row: int) -> None:
        self.layout, self.row = layout, row
        self.correlated = layout.is_correlated
        self.counts = np.zeros(BUCKETS, np.int64)
        self.counters = dict.fromkeys(("nulls", "pos_inf", "neg_inf", "below", "above", "n"), 0)
        self.minimum, self.maximum = inf, -inf
        self.total = self.total_squared = 0.0
        self.farthest = 0.0
        self.summed = False
        self._ranges: dict[bool, tuple[float, float]] = {}

    def add(self, values: Vector, block: _Block) -> None:
        """Standardise the column's part of a block and count it."""
        size, scaled = len(values), block.values[self.row, : len(values)]
        standardise(values, self.layout.centre, self.layout.scale, scaled, block.wide[:size])
        lowest, highest = float(np.minimum.reduce(values)), float(np.maximum.reduce(values))
        if isfinite(lowest) and isfinite(highest):
            self._add_finite(values, size, lowest, highest)
        else:
            self._add_some_finite(values, scaled, block)
        self._count(scaled, size, block)

    def _add_some_finite(self, values: Vector, scaled: Float32s, block: _Block) -> None:
        finite = np.isfinite(values)
        unusual = np.flatnonzero(~finite)
        self._add_unusual(values[unusual])
        rest = values[finite]
        if len(rest):
            self._add_finite(rest, len(rest), float(rest.min()), float(rest.max()))
        scaled[unusual] = 0.0  # the middle bucket, which is worked out from the others
        if self.correlated:
            block.incomplete.append(unusual)

    def _add_unusual(self, unusual: Vector) -> None:
        nulls, positive = int(np.isnan(unusual).sum()), int((unusual > 0).sum())
        self.counters["nulls"] += nulls
        self.counters["pos_inf"] += positive
        self.counters["neg_inf"] += len(unusual) - nulls - positive

    def _add_finite(self, values: Vector, size: int, lowest: float, highest: float) -> None:
        self.counters["n"] += size
        low, high = self._range(values.dtype == np.float32)
        if lowest < low:
            self.counters["below"] += int(np.count_nonzero(values < low))
        if highest > high:
            self.counters["above"] += int(np.count_nonzero(values > high))
        self.minimum, self.maximum = min(self.minimum, lowest), max(self.maximum, highest)
        centre, scale = self.layout.centre, self.layout.scale
        self.farthest = max(self.farthest, (highest - centre) / scale, (centre - lowest) / scale)

    def _range(self, float32: bool) -> tuple[float, float]:
        if float32 not in self._ranges:
            self._ranges[float32] = _range_of(self.layout, float32)
        return self._ranges[float32]

    def _count(self, scaled: Float32s, size: int, block: _Block) -> None:
        farthest, self.farthest = self.farthest, 0.0
        block.counter.add(scaled, self.counts, beyond=farthest > _LAST_OCTAVE)
        self.summed = not (self.correlated and farthest < MOMENT_CLIP)
        if self.summed:
            if not farthest < _FARTHEST:
                np.clip(scaled, -_FARTHEST, _FARTHEST, out=scaled)
            self.add_sums(*block.sums(self.row, size))
        if self.summed and self.correlated:
            np.clip(scaled, -MOMENT_CLIP, MOMENT_CLIP, out=scaled)

    def add_sums(self, total: float, squared: float) -> None:
        """Of the values and their squares, in scale units."""
        self.total += total
        self.total_squared += squared

    def counted(self) -> NumericCounts:
        return NumericCounts(
            with_middle(self.counts, self.counters["n"]),
            **self.counters,
            minimum=self.minimum,
            maximum=self.maximum,
            total=self.total,
            total_squared=self.total_squared,
        )


def _block_rows(rows: int | None) -> int:
    """Blocks of one size rather than a last one of a few rows: each costs the same besides its rows."""
    return BLOCK_ROWS if rows is None else -(-rows // max(1, -(-rows // _KNOWN_ROWS)))


def _range_of(layout: ColumnLayout, float32: bool) -> tuple[float, float]:
    """The reference's range; where either side is float32 its last bit is no breach (0.1 may come as 0.100000001)."""
    if layout.low > layout.high:
        return -inf, inf
    return layout.low - _last_bit(layout.low, float32), layout.high + _last_bit(layout.high, float32)


def _last_bit(bound: float, float32: bool) -> float:
    return abs(bound) * 2.0**-23 if float32 or float(np.float32(bound)) == bound else 0.0


class Tally:
    """The counts of a window so far.

    Args:
        columns: of the layout, in order.
        rows: how many will come at most, where that is known.
    """

    def __init__(self, columns: Sequence[ColumnLayout], rows: int | None = None) -> None:
        numbers = [column for column in columns if column.has_histogram]
        correlated = [column for column in numbers if column.is_correlated]
        self._block = _Block(len(correlated), len(numbers) - len(correlated), _block_rows(rows) if numbers else 0)
        others = [column for column in numbers if not column.is_correlated]
        placed = {c.name: row for row, c in enumerate(correlated)}
        placed |= {c.name: row for row, c in enumerate(others, self._block.padded)}
        self._numbers = [_NumericTally(column, placed[column.name]) for column in numbers]
        self._levels = {c.name: LevelCounter(c.categories, c.kind) for c in columns if not c.has_histogram}
        self._columns, self._waiting = columns, _Waiting()
        self._moments = np.zeros((len(correlated) + 1, len(correlated) + 1))

    def add(self, given: Mapping[str, Any], rows: int) -> None:
        """Count some rows: name → column, all of that length."""
        for name, counter in self._levels.items():
            counter.add(given[name])
        numbers = [as_numbers(given[t.layout.name], t.layout.kind, t.layout.name) for t in self._numbers]
        if 4 * rows < self._block.capacity:
            if not self._waiting.fits(numbers, rows):
                self._count_waiting()
            self._waiting.add(numbers, rows)
            return
        for start in range(0, rows if numbers else 0, max(1, self._block.capacity)):
            self._count([values[start : start + self._block.capacity] for values in numbers])

    def _count_waiting(self) -> None:
        if self._waiting.size:
            self._count(self._waiting.take())

    def _count(self, numbers: list[Vector]) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            for tally, values in zip(self._numbers, numbers, strict=True):
                tally.add(values, self._block)
            self._add_moments(len(numbers[0]))

    def _add_moments(self, size: int) -> None:
        """Sums of columns that nothing was clipped of stand in the moments, unless these leave rows out."""
        complete = not self._block.incomplete
        moments = self._block.moments(size) if complete else None
        for tally in self._numbers:
            if not tally.summed:
                row = tally.row
                sums = self._block.sums(row, size) if moments is None else (moments[-1, row], moments[row, row])
                tally.add_sums(*sums)
        self._moments += self._block.moments(size) if moments is None else moments

    def counted(self) -> tuple[dict[str, NumericCounts | CategoricalCounts], Floats]:
        """Counts by column, and the second moments of the numeric ones [correlated + 1, correlated + 1]."""
        self._count_waiting()
        numbers = {tally.layout.name: tally.counted() for tally in self._numbers}
        return {c.name: numbers.get(c.name) or self._level_counts(c) for c in self._columns}, self._moments.copy()

    def _level_counts(self, column: ColumnLayout) -> CategoricalCounts:
        known, unknown, nulls = self._levels[column.name].counted()
        return CategoricalCounts(known, nulls, *((unknown, 0) if column.truncated else (0, unknown)))
