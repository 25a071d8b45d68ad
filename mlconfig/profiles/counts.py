"""The counts of one column in one window. Adding two of them is the counts of both windows together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

import numpy as np

from mlconfig.profiles.histogram import BUCKETS, Counts


def _zeros() -> Counts:
    return np.zeros(BUCKETS, np.int64)


@dataclass(frozen=True, eq=False)
class NumericCounts:
    """A numeric or timestamp column.

    Args:
        counts: [3075] finite values by bucket of (x − centre) / scale.
        nulls: null or NaN.
        pos_inf: +∞. They stand in no bucket.
        neg_inf: −∞.
        below: finite values under the reference's smallest by more than a float32's last bit.
        above: finite values over the reference's largest.
        n: finite values.
        minimum: smallest finite value in the column's units, ``+inf`` when there is none.
        maximum: largest one, ``-inf`` when there is none.
        total: sum of (x − centre) / scale; a value over 10¹⁵ scales away counts as that far.
        total_squared: sum of its squares.
    """

    counts: Counts = field(default_factory=_zeros)
    nulls: int = 0
    pos_inf: int = 0
    neg_inf: int = 0
    below: int = 0
    above: int = 0
    n: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    total: float = 0.0
    total_squared: float = 0.0

    def __post_init__(self) -> None:
        self.counts.flags.writeable = False

    @property
    def rows(self) -> int:
        return self.n + self.nulls + self.pos_inf + self.neg_inf

    def vector(self) -> Counts:
        """Non-null counts [3075] in the order of the values; infinities stand in the outermost buckets."""
        dense = self.counts.copy()
        dense[0] += self.neg_inf
        dense[-1] += self.pos_inf
        return dense

    def merge(self, other: NumericCounts) -> NumericCounts:
        """Both together; integers are added exactly, the sums as floats."""
        lowest, highest = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        return NumericCounts(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self) if "imum" not in f.name},
            minimum=lowest,
            maximum=highest,
        )


@dataclass(frozen=True, eq=False)
class CategoricalCounts:
    """A categorical or boolean column.

    Args:
        counts: [known levels] in the layout's order.
        nulls: null (NaN among numbers).
        other: levels that are not kept, where the reference had more than are kept.
        new: levels that the reference never had.
    """

    counts: Counts
    nulls: int = 0
    other: int = 0
    new: int = 0

    def __post_init__(self) -> None:
        self.counts.flags.writeable = False

    @property
    def n(self) -> int:
        """Values that are not null."""
        return int(self.counts.sum()) + self.other + self.new

    @property
    def rows(self) -> int:
        return self.n + self.nulls

    def vector(self) -> Counts:
        """Non-null counts [known levels + 2]: the levels, other, new."""
        return np.append(self.counts, [self.other, self.new])

    def merge(self, other: CategoricalCounts) -> CategoricalCounts:
        """Both together."""
        return CategoricalCounts(
            self.counts + other.counts, self.nulls + other.nulls, self.other + other.other, self.new + other.new
        )
