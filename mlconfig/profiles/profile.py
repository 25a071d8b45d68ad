"""A window of rows as mergeable counts: hour + hour = day, replica + replica = endpoint, and no row is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlconfig.errors import DataError
from mlconfig.profiles.arrays import as_mapping
from mlconfig.profiles.counts import CategoricalCounts, NumericCounts
from mlconfig.profiles.histogram import Floats, Vector, quantiles
from mlconfig.profiles.layout import ColumnLayout, Layout, fit_layout
from mlconfig.profiles.tally import Tally

__all__ = [
    "CategoricalCounts",
    "ColumnCounts",
    "ColumnLayout",
    "Layout",
    "NumericCounts",
    "Profile",
    "RunningProfile",
    "empty_profile",
    "fit_layout",
    "fold",
    "profile_of",
]

ColumnCounts = NumericCounts | CategoricalCounts


@dataclass(frozen=True, eq=False)
class Profile:
    """The counts of all columns over some rows.

    Args:
        layout: how they were counted; profiles of another layout cannot be merged or compared.
        columns: counts by column, in the layout's order.
        rows: rows counted.
        moments: sums of products of the numeric columns (``layout.correlated``) and a constant 1 over the rows where all
            of them are finite [k + 1, k + 1]; values in scale units, clipped to ±4. The last row holds the sums and, in
            its last place, the number of such rows.
    """

    layout: Layout
    columns: Mapping[str, ColumnCounts]
    rows: int
    moments: Floats

    def merge(self, other: Profile) -> Profile:
        """Both together. ``DataError`` when the other one was counted by another layout."""
        if other.layout.digest != self.layout.digest:
            raise DataError(
                f"profiles of two layouts cannot be merged: {self.layout.digest[:12]} and {other.layout.digest[:12]}",
                hint="make both with the layout of one reference",
            )
        merged = {name: _merge_counts(mine, other.columns[name]) for name, mine in self.columns.items()}
        return Profile(self.layout, merged, self.rows + other.rows, self.moments + other.moments)

    def quantile(self, name: str, q: Vector | float) -> Floats:
        """Quantiles of the finite values of a numeric column in its own units, to 1/64 of the distance from the median."""
        counts = self.columns[name]
        if not isinstance(counts, NumericCounts):
            raise DataError("levels have no quantiles", where=f"column `{name}`", hint="ask for its counts")
        column = self.layout.column(name)
        values = column.centre + column.scale * quantiles(counts.counts, q)
        return values if counts.n == 0 else np.clip(values, counts.minimum, counts.maximum)

    def mean(self, name: str) -> float:
        """Mean of the finite values of a numeric column in its own units, NaN when there are none."""
        counts, column = self.columns[name], self.layout.column(name)
        if not isinstance(counts, NumericCounts) or counts.n == 0:
            return float("nan")
        return column.centre + column.scale * counts.total / counts.n

    def correlation(self) -> Floats:
        """Pearson correlations of ``layout.correlated`` [k, k] over complete rows; 0 where a column does not vary."""
        n = self.moments[-1, -1]
        if n < 2:
            return np.full((len(self.moments) - 1,) * 2, np.nan)
        means = self.moments[-1, :-1] / n
        covariance = self.moments[:-1, :-1] / n - np.outer(means, means)
        spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        scale = np.outer(spread, spread)
        varies = scale > 1e-9
        return np.where(varies, np.clip(covariance / np.where(varies, scale, 1.0), -1.0, 1.0), 0.0)


def _merge_counts(mine: ColumnCounts, other: ColumnCounts) -> ColumnCounts:
    if isinstance(mine, NumericCounts) and isinstance(other, NumericCounts):
        return mine.merge(other)
    assert isinstance(mine, CategoricalCounts)
    assert isinstance(other, CategoricalCounts)
    return mine.merge(other)


def profile_of(layout: Layout, columns: Any) -> Profile:
    """The profile of some rows.

    Args:
        layout: of the reference.
        columns: name → numpy or pyarrow array (chunked and dictionary arrays too), or a ``pyarrow.Table``; all columns
            of the layout must be there, further ones are passed over.

    Errors: ``DataError`` for a column that is missing, of another length, or of another kind than in the reference.
    """
    given = as_mapping(columns)
    rows = _common_length(layout, given)
    running = RunningProfile(layout, rows)
    running.add_rows(given, rows)
    return running.profile()


def _common_length(layout: Layout, given: Mapping[str, Any]) -> int:
    lengths = {}
    for column in layout.columns:
        if column.name not in given:
            raise DataError(
                "the window has no such column", where=f"column `{column.name}`", hint="the reference profile has it"
            )
        lengths[column.name] = len(given[column.name])
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns differ in length: {lengths}", hint="give the columns of one table")
    return next(iter(lengths.values()), 0)


def empty_profile(layout: Layout) -> Profile:
    """A profile of no rows: what merging begins with."""
    counted: dict[str, ColumnCounts] = {
        column.name: NumericCounts()
        if column.has_histogram
        else CategoricalCounts(np.zeros(len(column.categories), np.int64))
        for column in layout.columns
    }
    size = len(layout.correlated) + 1
    return Profile(layout, counted, 0, np.zeros((size, size)))


class RunningProfile:
    """A profile that grows as rows come, in blocks of any size; blocks of some thousand rows are fastest.

    Args:
        layout: of the reference.
        rows: how many will come at most, where that is known.
    """

    def __init__(self, layout: Layout, rows: int | None = None) -> None:
        self._layout, self._rows = layout, 0
        self._tally = Tally(layout.columns, rows)

    def add(self, columns: Any) -> None:
        """Count a block of rows, given as to ``profile_of``."""
        given = as_mapping(columns)
        self.add_rows(given, _common_length(self._layout, given))

    def add_rows(self, given: Mapping[str, Any], rows: int) -> None:
        """Count columns that are known to be there and to be of that length."""
        self._tally.add(given, rows)
        self._rows += rows

    def profile(self) -> Profile:
        """The profile of all rows so far; more may be added."""
        counted, moments = self._tally.counted()
        return Profile(self._layout, counted, self._rows, moments)


def fold(layout: Layout, blocks: Iterable[Any]) -> Profile:
    """The profile of many row blocks (tables or mappings of columns), one in memory at a time."""
    running = RunningProfile(layout)
    for block in blocks:
        running.add(block)
    return running.profile()
