"""What is fixed at training, so that the counts of later windows can be added and compared."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.errors import DataError
from mlconfig.profiles.arrays import as_mapping, as_numbers, count_levels
from mlconfig.profiles.histogram import Floats

if TYPE_CHECKING:
    from mlconfig.vocabulary import Kind

MAX_LEVELS = 256
MAX_LEVEL_CHARACTERS = 128
LEAST_FINITE = 0.95
"""Share of finite values that a column needs to have correlations."""


@dataclass(frozen=True)
class ColumnLayout:
    """How one column is counted.

    Args:
        name: the column.
        kind: numeric and timestamp columns have a histogram, categorical and boolean ones counts by level.
        centre: median of the reference, in the column's units (timestamps: seconds since 1970).
        scale: its interquartile range; the standard deviation where that is 0; 1 where that is 0 too.
        low: smallest finite value of the reference, ``+inf`` when it had none.
        high: largest one, ``-inf`` when it had none.
        categories: the known levels, most frequent first.
        truncated: the reference had more levels than are kept (at most 256, none longer than 128 characters). An
            unknown level then cannot be told from a rare one of the reference and counts as ``other``; where nothing
            was left out it counts as ``new``. Remembering all levels by hash would tell them apart, at 8 bytes each
            and for columns whose single levels say little.
        sparse: so many of the reference's rows have no finite value (over 5 %) that hardly a row would be complete with it:
            it has no correlations.
    """

    name: str
    kind: Kind
    centre: float = 0.0
    scale: float = 1.0
    low: float = math.inf
    high: float = -math.inf
    categories: tuple[str, ...] = ()
    truncated: bool = False
    sparse: bool = False

    @property
    def is_correlated(self) -> bool:
        """Whether its products with other columns are summed."""
        return self.kind == "numeric" and not self.sparse

    @property
    def has_histogram(self) -> bool:
        return self.kind in ("numeric", "timestamp")


@dataclass(frozen=True)
class Layout:
    """The columns of a profile, in order. Only profiles of one layout can be merged or compared."""

    columns: tuple[ColumnLayout, ...]

    @cached_property
    def digest(self) -> str:
        """sha256 of all that is fixed; two layouts with one digest count alike."""
        rows = [
            [c.name, c.kind, *(float(x).hex() for x in (c.centre, c.scale, c.low, c.high)), c.categories, c.truncated]
            + ["sparse"] * c.sparse
            for c in self.columns
        ]
        return hashlib.sha256(json.dumps(rows, ensure_ascii=True).encode()).hexdigest()

    @cached_property
    def correlated(self) -> tuple[str, ...]:
        """The numeric columns whose second moments are kept. Timestamps always move together, so theirs are not."""
        return tuple(column.name for column in self.columns if column.is_correlated)

    def column(self, name: str) -> ColumnLayout:
        """The layout of one column; ``DataError`` when there is none of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise DataError("the profile has no such column", where=f"column `{name}`", hint="it was made without it")


def fit_layout(columns: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Layout:
    """The layout of the reference rows.

    Args:
        columns: name → numpy or pyarrow array (or a ``pyarrow.Table``); all those in ``kinds`` must be there.
        kinds: name → numeric, categorical, boolean or timestamp; the order of the profile.

    Errors: ``DataError`` for a column that is missing or does not hold what its kind says.
    """
    given = as_mapping(columns)
    for name in kinds:
        if name not in given:
            raise DataError("the reference has no such column", where=f"column `{name}`", hint="take it off `kinds`")
    return Layout(tuple(_fit_column(name, kind, given[name]) for name, kind in kinds.items()))


def _fit_column(name: str, kind: Kind, values: Any) -> ColumnLayout:
    if kind == "boolean":
        return ColumnLayout(name, kind, categories=("false", "true"))
    if kind == "categorical":
        return _fit_levels(name, values)
    numbers = as_numbers(values, kind, name)
    finite = np.asarray(numbers[np.isfinite(numbers)], np.float64)
    sparse = len(finite) < LEAST_FINITE * len(numbers)
    if len(finite) == 0:
        return ColumnLayout(name, kind, sparse=sparse)
    centre, scale = _centre_and_scale(finite)
    return ColumnLayout(name, kind, centre, scale, float(finite.min()), float(finite.max()), sparse=sparse)


def _centre_and_scale(finite: Floats) -> tuple[float, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        lower, centre, upper = (float(value) for value in np.quantile(finite, [0.25, 0.5, 0.75]))
        spreads = (upper - lower, float(finite.std()), 1.0)
    # A spread that is all rounding error of a large constant is none.
    smallest = max(1e-300, abs(centre) * 1e-14)
    scale = next((spread for spread in spreads[:2] if smallest < spread < 1e300), spreads[2])
    # A centre that float32 holds lets float32 columns be standardised in float32, to the same buckets.
    rounded = _as_float32(centre)
    return (rounded if abs(rounded - centre) <= scale / 1024 else centre), scale


def _as_float32(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def _fit_levels(name: str, values: Any) -> ColumnLayout:
    counts, _, _ = count_levels(values, "categorical")
    short = {level: count for level, count in counts.items() if len(level) <= MAX_LEVEL_CHARACTERS}
    kept = sorted(short, key=lambda level: (-short[level], level))[:MAX_LEVELS]
    return ColumnLayout(name, "categorical", categories=tuple(kept), truncated=len(kept) < len(counts))
