"""How alike the rows of one stretch of time are, and what a window of n such rows can tell.

Rows that come together share their weather, their prices, their customer: a thousand of them may say no more than ten drawn
from anywhere would. What a reference's own stretches show of this is, for each column, how much more than by chance their
distributions differ (its excess, a sum of intraclass correlations) and in how many directions: a mean that moves from day to
day is one. A chi² of such rows is a mixture of chi², and is taken for a · chi² with ν degrees of freedom, of the mixture's
mean and variance.

Source: Kish, Survey Sampling, 1965 (design effect); Rao, Scott, "The analysis of categorical data from complex sample surveys",
JASA 1981, and "On chi-squared tests for multiway contingency tables", Ann. Statist. 1984 (second-order correction).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from mlconfig.profiles.arrays import as_numbers, level_name
from mlconfig.profiles.distances import relevance_quantile
from mlconfig.profiles.histogram import Counts, Floats, Vector

if TYPE_CHECKING:
    from mlconfig.profiles.layout import ColumnLayout, Layout

Level = Literal["all", "hour", "weekday"]
"""What a stretch is compared with: all rows, those of its hours of the day, or of its hours of the week."""

HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0
LENGTHS: dict[Level, tuple[float, ...]] = {
    "all": (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, WEEK, 4 * WEEK),
    "hour": (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
    "weekday": (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY),
}
"""Seconds of the stretches that are tried, ascending."""
PERIODS: dict[Level, float] = {"hour": DAY, "weekday": WEEK}
BINS = 16
CODES = 2 * BINS
"""Bins, those of single values, and the last one for nulls."""
LEAST_STRETCHES = 10
"""Fewer say too little."""
ERRORS = 1.0
"""An excess counts from so many of its standard errors on, so that independent rows mostly stay independent."""
MANY = 10
"""Rows a bin from which on PSI has the same mean; it grows more slowly than Pearson's chi² where stretches lie far apart."""
FEWEST = 0.25
"""Directions: fewer than one say that few stretches differ, and these by much."""
_MONDAY = 3 * DAY  # 1970 began on a Thursday


class Alike(NamedTuple):
    """Of a column: ``excess`` of chi² a row, ``directions`` it is spread over; ``correlation`` of two rows of one stretch along
    one; mean ``rows`` of a stretch of the reference.
    """

    excess: float
    directions: float
    correlation: float
    rows: float


INDEPENDENT = Alike(0.0, 1.0, 0.0, 1.0)


class Stretch(NamedTuple):
    """Stretches of one length: rows of the window and of the reference in one, and the ``correlation`` of two of them."""

    window: float
    reference: float
    correlation: float


class Worth(NamedTuple):
    """What rows are worth that are alike; ``window``, ``reference``: rows of either side in one stretch, the rest as ``Alike``.
    ``finer``: stretches of all lengths up to that one, by length: what a correlation within the window varies by.
    """

    excess: float
    directions: float
    correlation: float
    window: float
    reference: float
    finer: Mapping[float, Stretch] = MappingProxyType({})

    def of_window(self, rows: float) -> float:
        """Independent rows that say as much, along the directions in which stretches differ."""
        return rows / (1.0 + max(0.0, self.window - 1.0) * self.correlation)

    def of_reference(self, rows: float) -> float:
        """The same for the reference."""
        return rows / (1.0 + max(0.0, self.reference - 1.0) * self.correlation)

    def mixture(self, reference_rows: int, window_rows: int, freedom: float) -> tuple[float, float]:
        """Scale a and degrees of freedom ν of the chi² that stands for n_e · PSI (Rao, Scott 1984; Satterthwaite 1946)."""
        effective = reference_rows * window_rows / (reference_rows + window_rows)
        within = max(0.0, self.window - 1.0) / window_rows + max(0.0, self.reference - 1.0) / reference_rows
        more = self.excess * effective * within
        total, squares = freedom + more, freedom + 2.0 * more + more * more / self.directions
        return squares / total, total * total / squares


def alike_threshold(
    worth: Worth, reference_rows: int, window_rows: int, bins: int, tolerance: float, alpha: float
) -> float:
    """``distances.relevance_threshold`` for rows that are alike."""
    scale, freedom = worth.mixture(reference_rows, window_rows, max(bins, 2) - 1)
    effective = reference_rows * window_rows / (reference_rows + window_rows)
    return relevance_quantile(effective / scale, freedom, tolerance, alpha)


Found = Mapping[Level, Mapping[float, Mapping[str, Alike]]]


@dataclass(frozen=True)
class Clusters:
    """What a reference showed: by what it is compared with, by length of a stretch in seconds, by column; a column that is not
    there has independent rows.
    """

    found: Found

    def worth(self, level: Level, length: float, rows: int) -> dict[str, Worth]:
        """Of the columns whose rows are not independent, in a window of that length and of so many rows.

        Judged by the longest stretch that is not longer; the window holds as many of them as there is room for.
        """
        lengths = {each: columns for each, columns in self.found.get(level, {}).items() if each <= length}
        if not lengths:
            return {}
        last = max(lengths)
        return {
            name: _worth(name, lengths, last, rows / length)
            for name in dict.fromkeys(name for columns in lengths.values() for name in columns)
        }


def _worth(name: str, lengths: Mapping[float, Mapping[str, Alike]], last: float, rate: float) -> Worth:
    """Of a column; ``rate``: rows of the window a second."""
    finer = {
        length: Stretch(rate * length, each.rows, each.correlation)
        for length, columns in lengths.items()
        for each in [columns.get(name)]
        if each is not None
    }
    own = lengths[last].get(name, INDEPENDENT)
    return Worth(own.excess, own.directions, own.correlation, rate * last, own.rows, MappingProxyType(finer))


def find_clusters(layout: Layout, columns: Mapping[str, Any], wall: Vector) -> Clusters:
    """What the rows of a reference show.

    Args:
        layout: of the reference.
        columns: name → numpy or pyarrow array, all of one length; timestamps are passed over, because they always move on.
        wall: seconds since 1970 by the clock of the recipe's zone [rows], NaN where it is not known.
    """
    known = np.flatnonzero(np.isfinite(wall))
    coded = {c.name: _codes(c, columns[c.name])[known] for c in layout.columns if c.kind != "timestamp"}
    moments = np.asarray(wall, np.float64)[known]
    return Clusters({level: dict(_at_level(level, coded, moments)) for level in LENGTHS})


def _codes(column: ColumnLayout, values: Any) -> Counts:
    """The bin of each row: about equally filled ones, the frequent levels, and one for nulls [rows]."""
    if not column.has_histogram:
        return _level_codes(column, values)
    numbers = np.asarray(as_numbers(values, column.kind, column.name), np.float64)
    there = np.isfinite(numbers)
    codes = np.searchsorted(_edges(numbers[there]), np.where(there, numbers, 0.0), side="right")
    return np.where(there, codes, CODES - 1)


def _edges(values: Floats) -> Floats:
    """About equally filled bins; a value that alone fills one (the zeros of a flag) is a bin of its own."""
    if not len(values):
        return values
    inner = np.unique(np.quantile(values, np.arange(1, BINS) / BINS, method="lower"))
    heavy = inner[[np.count_nonzero(values == value) * BINS >= len(values) for value in inner]]
    return np.unique(np.concatenate([inner, np.nextafter(heavy, np.inf)]))


def _level_codes(column: ColumnLayout, values: Any) -> Counts:
    import pyarrow as pa

    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    array = array if isinstance(array, pa.Array) else pa.array(np.asarray(array), from_pandas=True)
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    named = level_name(column.kind)
    place = {level: min(rank, BINS - 1) for rank, level in enumerate(column.categories)}
    levels = encoded.dictionary.to_pylist()
    codes = [CODES - 1 if level is None else place.get(named(level), BINS - 1) for level in levels]
    chosen = encoded.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)
    return np.asarray(np.asarray([*codes, CODES - 1], np.int64)[chosen])


def _at_level(level: Level, coded: Mapping[str, Counts], moments: Floats) -> Iterator[tuple[float, dict[str, Alike]]]:
    for length in LENGTHS[level]:
        place, stretch = np.unique(np.floor((moments + _MONDAY) / length), return_inverse=True)
        if len(place) < LEAST_STRETCHES:
            continue
        period = PERIODS.get(level)
        kind = np.zeros(len(place)) if period is None else (place * length) % period
        cell = np.unique(kind, return_inverse=True)[1]
        rows = np.bincount(stretch)
        found = {name: _alike(_table(stretch, codes, len(place)), cell) for name, codes in coded.items()}
        if any(each is not None for each in found.values()):
            yield (
                length,
                {name: Alike(*each, float(rows.mean())) for name, each in found.items() if each and each[0] > 0},
            )


def _table(stretch: Counts, codes: Counts, stretches: int) -> Counts:
    return np.bincount(stretch * CODES + codes, minlength=stretches * CODES).reshape(stretches, CODES)


def _alike(table: Counts, cell: Counts) -> tuple[float, float, float] | None:
    """Excess, directions and correlation of the stretches [stretches, codes] beside all rows of their cells: (0, 1, 0) where
    rows are independent, null where too few stretches say so.
    """
    totals = np.zeros((int(cell.max()) + 1, table.shape[1]))
    np.add.at(totals, cell, table)
    rows, of_cell = table.sum(axis=1), totals.sum(axis=1)[cell]
    rest = 1.0 - rows / np.maximum(of_cell, 1)
    freedom = (totals > 0).sum(axis=1)[cell] - 1.0
    judged = (rows >= 2) & (freedom > 0) & (rest > 0)
    if judged.sum() < LEAST_STRETCHES:
        return None
    given, others = (table[judged], totals[cell][judged]), rows[judged] - 1.0
    excess, directions = by_pearson = _moments(_pearson(*given) / rest[judged], freedom[judged], others)
    if rows[judged].mean() >= MANY * freedom[judged].mean():
        excess, directions = _moments(_psi(*given) / rest[judged], freedom[judged], others)
    return excess, directions, min(1.0, by_pearson[0] / by_pearson[1])


def _psi(table: Counts, totals: Floats) -> Floats:
    """PSI times its rows, as windows are judged by it [stretches]."""
    used = totals > 0
    bins = used.sum(axis=1, keepdims=True) / 2.0
    rows, whole = (counts.sum(axis=1, keepdims=True) for counts in (table, totals))
    now, before = (table + 0.5) / (rows + bins), (totals + 0.5) / (whole + bins)
    return np.asarray(rows[:, 0] * ((now - before) * np.log(now / before) * used).sum(axis=1))


def _pearson(table: Counts, totals: Floats) -> Floats:
    """Pearson's chi² [stretches], whose mean is right however few rows there are."""
    expected = totals * (table.sum(axis=1) / totals.sum(axis=1))[:, None]
    return np.asarray((np.square(table - expected) / np.where(expected > 0, expected, 1.0)).sum(axis=1))


def _moments(chi2: Floats, freedom: Floats, others: Floats) -> tuple[float, float]:
    """From mean and variance: with λ = 1 + m ρ along each of k directions and excess T = k ρ, Σλ = d + m T is the mean of chi²,
    and twice Σλ² = d + 2 m T + (m T)² / k its variance; m is the other rows of a stretch.
    """
    over = chi2 - freedom
    excess, error = float(over.sum() / others.sum()), float(over.std()) * np.sqrt(len(over)) / float(others.sum())
    if excess <= ERRORS * error:
        return 0.0, 1.0
    more, d = excess * float(others.mean()), float(freedom.mean())
    squares = max(float(over.var()) / 2.0 - d - 2.0 * more, 1e-9)
    return excess, float(np.clip(more * more / squares, FEWEST, max(d, FEWEST)))


def clusters_tree(clusters: Clusters) -> dict[str, Any]:
    """As JSON can hold it."""
    return {
        level: {
            f"{length:.0f}": {name: [float(f"{value:.4g}") for value in each] for name, each in columns.items()}
            for length, columns in lengths.items()
        }
        for level, lengths in clusters.found.items()
    }


def clusters_of_tree(tree: Mapping[str, Any]) -> Clusters:
    """The inverse of ``clusters_tree``."""
    return Clusters(
        {
            level: {
                float(length): {str(name): Alike(*map(float, each)) for name, each in columns.items()}
                for length, columns in tree.get(level, {}).items()
            }
            for level in LENGTHS
        }
    )
