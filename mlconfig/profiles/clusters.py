"""How alike the rows of one stretch of time are, and so how many independent rows a window of n rows is worth.

Rows that come together share their weather, their prices, their customer: a thousand of them may say no more than ten drawn
from anywhere would. What a reference's own stretches show of this is an intraclass correlation ρ for each column; n rows of
one stretch are worth n / (1 + (n − 1) ρ). Source: Kish, Survey Sampling, 1965 (design effect); Rao, Scott, "The analysis of
categorical data from complex sample surveys", JASA 1981 (chi² divided by it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from mlconfig.profiles.arrays import as_numbers, level_name
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
"""A correlation counts from so many of its own standard errors on, so that independent rows mostly stay independent."""
_MONDAY = 3 * DAY  # 1970 began on a Thursday


class Alike(NamedTuple):
    """``correlation`` of a column's rows within a stretch; ``rows``: of a stretch of the reference, mean."""

    correlation: float
    rows: float


class Worth(NamedTuple):
    """Which share of the window's rows, and of the reference's, counts as independent."""

    window: float = 1.0
    reference: float = 1.0


Found = Mapping[Level, Mapping[float, Mapping[str, Alike]]]


@dataclass(frozen=True)
class Clusters:
    """What a reference showed: by what it is compared with, by length of a stretch in seconds, by column; a column that is not
    there has independent rows.
    """

    found: Found

    def worth(self, level: Level, length: float, rows: int) -> dict[str, Worth]:
        """Of the columns whose rows are not independent, in a window of that length and so many rows.

        Judged by the longest stretch that is not longer; the window holds as many of them as there is room for.
        """
        known = max((each for each in self.found.get(level, {}) if each <= length), default=None)
        if known is None:
            return {}
        return {
            name: Worth(_worth(rows * known / length, rho), _worth(of_one, rho))
            for name, (rho, of_one) in self.found[level][known].items()
        }


def _worth(rows: float, correlation: float) -> float:
    return 1.0 / (1.0 + max(0.0, rows - 1.0) * correlation)


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
        found = {name: _correlation(_table(stretch, codes, len(place)), cell) for name, codes in coded.items()}
        if any(each is not None for each in found.values()):
            yield length, {name: Alike(each, float(rows.mean())) for name, each in found.items() if each}


def _table(stretch: Counts, codes: Counts, stretches: int) -> Counts:
    return np.bincount(stretch * CODES + codes, minlength=stretches * CODES).reshape(stretches, CODES)


def _correlation(table: Counts, cell: Counts) -> float | None:
    """Of the rows within a stretch, beside all rows of its cell: 0 where they are independent, null where too few say so.

    The mean of chi² over its degrees of freedom is 1 + (m − 1) ρ for stretches of m rows.
    """
    totals = np.zeros((int(cell.max()) + 1, table.shape[1]))
    np.add.at(totals, cell, table)
    rows, of_cell = table.sum(axis=1), totals.sum(axis=1)[cell]
    freedom = ((totals > 0).sum(axis=1)[cell] - 1.0) * (1.0 - rows / np.maximum(of_cell, 1))
    judged = (rows >= 2) & (freedom > 0)
    if judged.sum() < LEAST_STRETCHES:
        return None
    expected = (totals[cell] * (rows / np.maximum(of_cell, 1))[:, None])[judged]
    chi2 = (np.square(table[judged] - expected) / np.where(expected > 0, expected, 1.0)).sum(axis=1)
    ratio, pairs = chi2 / freedom[judged], float((rows[judged] - 1).sum())
    rho = float((ratio - 1.0).sum()) / pairs
    error = float(ratio.std()) * np.sqrt(len(ratio)) / pairs
    return min(1.0, rho) if rho > ERRORS * error else 0.0


def clusters_tree(clusters: Clusters) -> dict[str, Any]:
    """As JSON can hold it."""
    return {
        level: {
            f"{length:.0f}": {
                name: [float(f"{rho:.3g}"), float(f"{rows:.4g}")] for name, (rho, rows) in columns.items()
            }
            for length, columns in lengths.items()
        }
        for level, lengths in clusters.found.items()
    }


def clusters_of_tree(tree: Mapping[str, Any]) -> Clusters:
    """The inverse of ``clusters_tree``."""
    return Clusters(
        {
            level: {
                float(length): {str(name): Alike(float(rho), float(rows)) for name, (rho, rows) in columns.items()}
                for length, columns in tree.get(level, {}).items()
            }
            for level in LENGTHS
        }
    )
