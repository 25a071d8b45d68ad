"""A population of 20 features whose distribution is known, so that a window can be drawn as rows or as its counts.

Fourteen numeric columns are functions of correlated normal values (one common factor), six have levels. A window of many
rows is drawn as counts: a multinomial draw over the very buckets that the profile counts in, from the exact distribution,
and second moments by the central limit theorem. It is what folding so many rows would have given, at the cost of a few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from mlconfig.profiles.counts import CategoricalCounts, NumericCounts
from mlconfig.profiles.histogram import edges
from mlconfig.profiles.layout import ColumnLayout, Layout, fit_layout
from mlconfig.profiles.profile import ColumnCounts, Profile, profile_of
from mlconfig.profiles.tally import MOMENT_CLIP

Array = np.ndarray[Any, Any]
Shifts = Mapping[str, float]

NUMERIC = 14
LEVELS = (3, 5, 8, 12, 25, 50)
LOADING = 0.6
"""Of the common factor: any two numeric columns' normal values correlate by its square."""
NULLS = {"x2": 0.05, "x9": 0.3}
AS_ROWS = 2_000
"""Windows up to that are drawn as rows."""


@dataclass(frozen=True)
class Shape:
    """``of``: a column out of normal values. ``below``: the share of its values under some bounds."""

    of: Callable[[Array], Array]
    below: Callable[[Array], Array]


SHAPES = (
    Shape(lambda z: z, ndtr),
    Shape(np.exp, lambda v: np.where(v > 0, ndtr(np.log(np.maximum(v, 1e-300))), 0.0)),
    Shape(lambda z: np.sinh(1.5 * z), lambda v: ndtr(np.arcsinh(v) / 1.5)),
    Shape(lambda z: np.round(20 * z), lambda v: ndtr((np.ceil(v) - 0.5) / 20)),
    Shape(lambda z: np.maximum(z - 0.5, 0.0), lambda v: np.where(v > 0, ndtr(v + 0.5), 0.0)),
    Shape(
        lambda z: np.floor(np.exp(z)),
        lambda v: np.where(np.ceil(v) > 0, ndtr(np.log(np.maximum(np.ceil(v), 1e-300))), 0.0),
    ),
)
"""Normal, lognormal, heavy on both tails, whole numbers, two thirds zeros, small counts."""


def _chances(levels: int) -> Array:
    """Geometric; the last level of fifty is very rare."""
    weights = (1 - 2.0 / levels) ** np.arange(levels)
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True)
class World:
    """The population. ``layout``: as a reference fixed it."""

    layout: Layout

    def rows(self, rng: np.random.Generator, count: int, shifts: Shifts | None = None) -> dict[str, Any]:
        """Rows as columns; ``shifts``: in standard deviations of the normal value, by numeric column."""
        z = LOADING * rng.standard_normal((1, count)) + np.sqrt(1 - LOADING**2) * rng.standard_normal((NUMERIC, count))
        columns: dict[str, Any] = {}
        for i, values in enumerate(z):
            name = f"x{i}"
            columns[name] = SHAPES[i % len(SHAPES)].of(values + (shifts or {}).get(name, 0.0))
            if name in NULLS:
                columns[name][rng.random(count) < NULLS[name]] = np.nan
        for i, levels in enumerate(LEVELS):
            codes = rng.choice(levels, count, p=_chances(levels)).astype(np.int32)
            columns[f"c{i}"] = pa.DictionaryArray.from_arrays(codes, [f"level {level}" for level in range(levels)])
        return columns

    def window(self, rng: np.random.Generator, count: int, shifts: Shifts | None = None) -> Profile:
        """The profile of a window of so many rows."""
        if count <= AS_ROWS:
            return profile_of(self.layout, self.rows(rng, count, shifts))
        columns = {c.name: self._counts(c, rng, count, (shifts or {}).get(c.name, 0.0)) for c in self.layout.columns}
        return Profile(self.layout, columns, count, self._moments(rng, count))

    def _counts(self, column: ColumnLayout, rng: np.random.Generator, count: int, shift: float) -> ColumnCounts:
        nulls = int(rng.binomial(count, NULLS.get(column.name, 0.0)))
        if not column.has_histogram:
            drawn = rng.multinomial(count, self._level_shares[column.name])
            return CategoricalCounts(drawn[:-1], new=int(drawn[-1]))
        shares, outside = self._shares(column, shift)
        below, above = (int(rng.binomial(count - nulls, share)) for share in outside)
        return NumericCounts(rng.multinomial(count - nulls, shares), nulls, n=count - nulls, below=below, above=above)

    def _shares(self, column: ColumnLayout, shift: float) -> tuple[Array, tuple[float, float]]:
        """Of the buckets, and of what lies below and above the reference's range."""
        key = column.name, shift
        if key not in self._kept:
            shape = SHAPES[int(column.name[1:]) % len(SHAPES)]
            bounds = np.array([column.low, np.nextafter(column.high, np.inf)])
            values = column.centre + column.scale * edges()
            shares = np.diff(np.concatenate([[0.0], _shifted(shape.below(values), shift), [1.0]]))
            low, high = _shifted(shape.below(bounds), shift)
            self._kept[key] = np.maximum(shares, 0.0) / shares.sum(), (float(low), float(1.0 - high))
        return self._kept[key]

    @cached_property
    def _kept(self) -> dict[tuple[str, float], tuple[Array, tuple[float, float]]]:
        return {}

    @cached_property
    def _level_shares(self) -> dict[str, Array]:
        """Of the levels that the reference knows, and of all others together."""
        found = {}
        for i, levels in enumerate(LEVELS):
            known = [int(level.split()[1]) for level in self.layout.column(f"c{i}").categories]
            chances = _chances(levels)
            found[f"c{i}"] = np.append(chances[known], max(0.0, 1.0 - chances[known].sum()))
        return found

    def _moments(self, rng: np.random.Generator, count: int) -> Array:
        mean, root = self._products
        below = np.tril_indices(NUMERIC + 1)
        moments = np.zeros((NUMERIC + 1, NUMERIC + 1))
        moments[below] = count * mean + np.sqrt(count) * (root @ rng.standard_normal(len(mean)))
        return np.asarray(moments + np.tril(moments, -1).T)

    @cached_property
    def _products(self) -> tuple[Array, Array]:
        """Mean and a root of the covariance of one row's part in the second moments."""
        rows = self.rows(np.random.default_rng(0), 200_000)
        scaled = [
            np.clip((rows[c.name] - c.centre) / c.scale, -MOMENT_CLIP, MOMENT_CLIP)
            for c in self.layout.columns
            if c.has_histogram
        ]
        values = np.stack([*scaled, np.ones(len(scaled[0]))])
        values[:, ~np.isfinite(values).all(axis=0)] = 0.0
        i, j = np.tril_indices(NUMERIC + 1)
        products = values[i] * values[j]
        spread, turn = np.linalg.eigh(np.cov(products))
        return products.mean(axis=1), turn * np.sqrt(np.maximum(spread, 0.0))


def _shifted(below: Array, shift: float) -> Array:
    from scipy.special import ndtri

    return below if shift == 0.0 else np.asarray(ndtr(ndtri(below) - shift))


@cache
def make_world(seed: int, reference_rows: int) -> tuple[World, Profile]:
    """The population as a reference of so many rows saw it, and that reference."""
    rng = np.random.default_rng(seed)
    rows = World(Layout(())).rows(rng, reference_rows)
    kinds = {name: "numeric" if name.startswith("x") else "categorical" for name in rows}
    layout = fit_layout(rows, kinds)
    return World(layout), profile_of(layout, rows)
