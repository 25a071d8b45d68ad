"""Counting as rows come: blocks of rows that stay in cache, every numeric column of a block, then the next block.

Rows that come a few at a time are standardised at once and counted when a block is full; until then they wait as
float32 numbers without an order that means anything.
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
    LARGEST,
    Counts,
    Floats,
    Vector,
    count_standardised,
    join_sides,
    standardise,
)
from mlconfig.profiles.layout import ColumnLayout

MOMENT_CLIP = 4.0
"""Scales (about 5.4 standard deviations of a normal column) beyond which a value counts as that far in second moments:
one wild value must not decide a correlation."""
_FARTHEST = 1e15
_LAST_OCTAVE = 4095.0
_LANES = 16
"""Rows of the block are padded to a multiple of this: the library's matrix product takes them twice as fast."""


class _Block:
    """Standardised values [columns, rows]: the correlated columns, ones, padding, the other columns; and scratch."""

    def __init__(self, correlated: int, others: int, rows: int) -> None:
        self.ones = correlated
        self.padded = -(-(correlated + 1) // _LANES) * _LANES
        self.values = np.empty((self.padded + others, rows), np.float32)
        self.values[correlated] = 1.0
        self.values[correlated + 1 : self.padded] = 0.0
        self.bits = np.empty(rows, np.uint32)
        self.index = np.empty(rows, np.int64)
        self.wide = np.empty(rows)
        self.incomplete = list[Counts]()
        self.size = 0

    @property
    def room(self) -> int:
        return self.values.shape[1] - self.size

    def sums(self, row: int, end: int) -> tuple[float, float]:
        """Of a column's values and of their squares."""
        scaled = self.values[row, :end]
        return float(scaled.dot(self.values[self.ones, :end])), float(scaled.dot(scaled))

    def take_moments(self) -> Floats:
        """Sums of products of the correlated columns and ones over the complete rows [correlated + 1, correlated + 1].
        The block is empty then.
        """
        scaled, end = self.values[: self.padded, : self.size], self.ones + 1
        for rows in self.incomplete:
            scaled[:, rows] = 0.0
        products = (scaled @ scaled.T)[:end, :end].astype(np.float64)
        for rows in self.incomplete:
            scaled[self.ones, rows] = 1.0
        self.incomplete.clear()
        self.size = 0
        return products


class _NumericTally:
    """Adds up one column. ``row`` is its place in the block; ``farthest`` how far its values in the block reach;
    ``summed`` says whether they were added to the sums, or the second moments still have to tell them.
    """

    def __init__(self, layout: ColumnLayout, row: int) -> None:
        self.layout, self.row = layout, row
        self.correlated = layout.kind == "numeric"
        self.above, self.below = np.zeros(LARGEST, np.int64), np.zeros(LARGEST, np.int64)
        self.counters = dict.fromkeys(("nulls", "pos_inf", "neg_inf", "below", "above", "n"), 0)
        self.minimum, self.maximum = inf, -inf
        self.total = self.total_squared = 0.0
        self.farthest = 0.0
        self.summed = False
        self._ranges: dict[bool, tuple[float, float]] = {}

    def add(self, values: Vector, block: _Block) -> None:
        """Standardise some values into the block; count those that are not finite, and those out of range."""
        at, size = block.size, len(values)
        scaled = block.values[self.row, at : at + size]
        standardise(values, self.layout.centre, self.layout.scale, scaled, block.wide[:size])
        lowest, highest = float(values[values.argmin()]), float(values[values.argmax()])
        if isfinite(lowest) and isfinite(highest):
            self._add_finite(values, size, lowest, highest)
            return
        finite = np.isfinite(values)
        unusual = np.flatnonzero(~finite)
        self._add_unusual(values[unusual])
        if len(unusual) < size:
            rest = values[finite]
            self._add_finite(rest, len(rest), float(rest.min()), float(rest.max()))
        scaled[unusual] = 0.0  # the middle bucket, which is worked out from the others
        if self.correlated:
            block.incomplete.append(unusual + at)

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

    def count(self, block: _Block, end: int) -> None:
        """Count the column's part of a full block, up to ``end``."""
        scaled = block.values[self.row, :end]
        beyond = self.farthest > _LAST_OCTAVE
        more, less = count_standardised(scaled, block.bits[:end], block.index[:end], beyond=beyond)
        self.above += more
        self.below += less
        self.summed = not (self.correlated and self.farthest < MOMENT_CLIP)
        if self.summed:
            if not self.farthest < _FARTHEST:
                np.clip(scaled, -_FARTHEST, _FARTHEST, out=scaled)
            self.add_sums(*block.sums(self.row, end))
        if self.summed and self.correlated:
            np.clip(scaled, -MOMENT_CLIP, MOMENT_CLIP, out=scaled)
        self.farthest = 0.0

    def add_sums(self, total: float, squared: float) -> None:
        """Of the values and their squares, in scale units."""
        self.total += total
        self.total_squared += squared

    def counted(self) -> NumericCounts:
        return NumericCounts(
            join_sides(self.above, self.below, self.counters["n"]),
            **self.counters,
            minimum=self.minimum,
            maximum=self.maximum,
            total=self.total,
            total_squared=self.total_squared,
        )


def _block_rows(rows: int | None) -> int:
    """Blocks of one size rather than a last one of a few rows: each costs the same besides its rows."""
    return BLOCK_ROWS if rows is None else -(-rows // max(1, -(-rows // BLOCK_ROWS)))


def _range_of(layout: ColumnLayout, float32: bool) -> tuple[float, float]:
    """The reference's range; where either side is float32 its last bit is no breach (0.1 may come as 0.100000001)."""
    if layout.low > layout.high:
        return -inf, inf
    return layout.low - _last_bit(layout.low, float32), layout.high + _last_bit(layout.high, float32)


def _last_bit(bound: float, float32: bool) -> float:
    with np.errstate(over="ignore"):
        return abs(bound) * 2.0**-23 if float32 or float(np.float32(bound)) == bound else 0.0


class Tally:
    """The counts of a window so far.

    Args:
        columns: of the layout, in order.
        rows: how many will come at most, where that is known.
    """

    def __init__(self, columns: Sequence[ColumnLayout], rows: int | None = None) -> None:
        numbers = [column for column in columns if column.has_histogram]
        correlated = [column for column in numbers if column.kind == "numeric"]
        self._block = _Block(len(correlated), len(numbers) - len(correlated), _block_rows(rows))
        others = [column for column in numbers if column.kind != "numeric"]
        placed = {c.name: row for row, c in enumerate(correlated)}
        placed |= {c.name: row for row, c in enumerate(others, self._block.padded)}
        self._numbers = [_NumericTally(column, placed[column.name]) for column in numbers]
        self._levels = {c.name: LevelCounter(c.categories, c.kind) for c in columns if not c.has_histogram}
        self._columns = columns
        self._moments = np.zeros((len(correlated) + 1, len(correlated) + 1))

    def add(self, given: Mapping[str, Any], rows: int) -> None:
        """Count some rows: name → column, all of that length."""
        for name, counter in self._levels.items():
            counter.add(given[name])
        numbers = [as_numbers(given[t.layout.name], t.layout.kind, t.layout.name) for t in self._numbers]
        start = 0
        with np.errstate(over="ignore", invalid="ignore"):
            while start < rows and numbers:
                size = min(rows - start, self._block.room)
                self._add_block([values[start : start + size] for values in numbers], size)
                start += size

    def _add_block(self, numbers: list[Vector], size: int) -> None:
        """When the block is full, each column is counted while its numbers are still in the cache."""
        block = self._block
        end, full = block.size + size, size == block.room
        for tally, values in zip(self._numbers, numbers, strict=True):
            tally.add(values, block)
            if full:
                tally.count(block, end)
        block.size = end
        if full:
            self._take_moments()

    def _take_moments(self) -> None:
        block = self._block
        complete = not block.incomplete
        open_sums = [tally for tally in self._numbers if not tally.summed]
        for tally in open_sums if not complete else ():
            tally.add_sums(*block.sums(tally.row, block.size))
        products = block.take_moments()
        self._moments += products
        for tally in open_sums if complete else ():
            tally.add_sums(products[-1, tally.row], products[tally.row, tally.row])

    def counted(self) -> tuple[dict[str, NumericCounts | CategoricalCounts], Floats]:
        """Counts by column, and the second moments of the numeric ones [correlated + 1, correlated + 1]."""
        if self._block.size:
            for tally in self._numbers:
                tally.count(self._block, self._block.size)
            self._take_moments()
        numbers = {tally.layout.name: tally.counted() for tally in self._numbers}
        return {c.name: numbers.get(c.name) or self._level_counts(c) for c in self._columns}, self._moments.copy()

    def _level_counts(self, column: ColumnLayout) -> CategoricalCounts:
        known, unknown, nulls = self._levels[column.name].counted()
        return CategoricalCounts(known, nulls, *((unknown, 0) if column.truncated else (0, unknown)))
