"""Columns of two samples of rows, ready for a test that knows no nulls: counted and tested by themselves, and taken out."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlconfig.contracts.detector import Evidence
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import FrozenDict, Kind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

LEAST_EXPECTED = 5.0
"""Rarer levels are taken together: chi²'s p-value is wrong where fewer rows of a level are expected (Cochran 1954)."""
MOST_LEVELS = 20
"""Levels of a column in a matrix; the others are one more."""
FURTHEST = 100.0
"""Standard deviations at which a value in a matrix is cut off: float32 must hold its square."""


@dataclass(frozen=True)
class Sample:
    """A column's values, and which are none: null, NaN or infinite [rows]."""

    values: Array
    missing: Array

    @property
    def there(self) -> Array:
        """The values that are some."""
        return self.values[~self.missing]

    @property
    def nulls(self) -> int:
        """How many are none."""
        return int(self.missing.sum())

    @property
    def null_fraction(self) -> float:
        """Their share; all, where there are no rows."""
        return self.nulls / len(self.missing) if len(self.missing) else 1.0


@dataclass(frozen=True)
class ColumnPair:
    """One column of the reference and of the window."""

    name: str
    kind: Kind
    reference: Sample
    current: Sample

    @property
    def values(self) -> int:
        """Values in the one that has fewer."""
        return min(len(self.reference.there), len(self.current.there))

    def more_nulls(self, alpha: float) -> Finding | None:
        """A finding where the window has more nulls than chance explains.

        One-sided and exact: of the nulls among all rows together, the window has a hypergeometric number (Fisher 1934). The
        threshold is the largest share for which that probability is over alpha.
        """
        rows, before = len(self.current.missing), len(self.reference.missing)
        count = self.current.nulls
        if count == 0 or before == 0 or (p_value := self._p_of_nulls(count)) > alpha:
            return None
        share, usual = self.current.null_fraction, self.reference.null_fraction
        enough = bisect_left(range(1, count), True, key=lambda fewer: self._p_of_nulls(fewer) <= alpha)
        allowed = enough / rows
        return Finding(
            column=self.name,
            statistic="null_fraction",
            drift_score=share,
            threshold=allowed,
            is_drift=True,
            p_value=p_value,
            details=self.shares,
            message=f"`{self.name}` has {share:.1%} nulls, the reference {usual:.1%}; chance explains up to {allowed:.1%}",
        )

    def _p_of_nulls(self, count: int) -> float:
        """How probable so many nulls in the window, or more, are if nulls fall on its rows as on the reference's."""
        from scipy.stats import hypergeom

        rows, before = len(self.current.missing), len(self.reference.missing)
        return float(hypergeom.sf(count - 1, rows + before, count + self.reference.nulls, rows))

    @property
    def shares(self) -> FrozenDict[float]:
        """What there is of nulls in both, and of rows in the window."""
        return FrozenDict({
            "null_fraction": self.current.null_fraction,
            "reference_null_fraction": self.reference.null_fraction,
            "rows": float(len(self.current.missing)),
        })  # fmt: skip


def column_pairs(evidence: Evidence, kinds: frozenset[Kind]) -> list[ColumnPair]:
    """The columns of some kinds that were asked for; none without rows on both sides."""
    reference, current, layout = evidence.reference_rows, evidence.rows, evidence.reference.layout
    if not current or not reference:
        return []
    asked = [(name, layout.column(name).kind) for name in evidence.columns]
    return [
        ColumnPair(name, kind, *_alike(_sample(reference, name, kind), _sample(current, name, kind)))
        for name, kind in asked
        if kind in kinds
    ]


def at_most(rows: Array, most: int, seed: int) -> Array:
    """An even sample of so many rows, in their order."""
    import numpy as np

    if len(rows) <= most:
        return rows
    return rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))]


def _sample(table: pa.Table, name: str, kind: Kind) -> Sample:
    """A column of a table; one that the table lacks is null throughout."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = table.column(name).combine_chunks() if name in table.column_names else pa.nulls(table.num_rows)
    if pa.types.is_floating(found.type):
        found = pc.if_else(pc.is_finite(found), found, pa.scalar(None, found.type))
    missing = np.asarray(found.is_null())
    if kind in ("categorical", "boolean"):
        words = found.cast(pa.bool_() if kind == "boolean" else pa.string())
        return Sample(words.to_numpy(zero_copy_only=False), missing)
    narrow = found.type in (pa.float32(), pa.float16())
    return Sample(
        found.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float32 if narrow else np.float64), missing
    )


def _alike(one: Sample, other: Sample) -> tuple[Sample, Sample]:
    """Both as precise as the less precise: rounding alone would tell 0.1 in float32 from 0.1 in float64."""
    import numpy as np

    if np.float32 not in (one.values.dtype, other.values.dtype) or one.values.dtype == other.values.dtype:
        return one, other
    return Sample(one.values.astype(np.float32), one.missing), Sample(other.values.astype(np.float32), other.missing)


def level_codes(reference: Array, current: Array) -> tuple[Array, Array]:
    """Levels as numbers; those too rare to be compared one by one are one level, which is not rare itself."""
    import numpy as np

    levels, both = np.unique(np.concatenate([reference, current]).astype(str), return_inverse=True)
    expected = np.bincount(both) * min(len(reference), len(current)) / len(both)
    rarest = np.argsort(expected, kind="stable")
    pooled = int((expected < LEAST_EXPECTED).sum())
    while 0 < pooled < len(levels) and expected[rarest[:pooled]].sum() < LEAST_EXPECTED:
        pooled += 1
    codes = np.arange(1, len(levels) + 1)
    codes[rarest[:pooled]] = 0
    return codes[both[: len(reference)]], codes[both[len(reference) :]]


def matrices(pairs: Sequence[ColumnPair]) -> tuple[Array, Array, list[str]]:
    """Rows without any null, as float32 [rows, names]: reference, window, and what each name of the second axis stands for.

    Numbers in standard deviations from the reference's mean; true as 1; a categorical column as one indicator a level of the
    reference, the frequent ones, and one for all others.
    """
    import numpy as np

    keep = [~np.logical_or.reduce([side.missing for side in sides]) for sides in _sides(pairs)]
    parts = [_encoded(pair, pair.reference.values[keep[0]], pair.current.values[keep[1]]) for pair in pairs]
    reference = np.hstack([before for before, _, _ in parts]).astype(np.float32)
    current = np.hstack([now for _, now, _ in parts]).astype(np.float32)
    return reference, current, [name for _, _, names in parts for name in names]


def _sides(pairs: Sequence[ColumnPair]) -> tuple[list[Sample], list[Sample]]:
    return [pair.reference for pair in pairs], [pair.current for pair in pairs]


def _encoded(pair: ColumnPair, reference: Array, current: Array) -> tuple[Array, Array, list[str]]:
    import numpy as np

    if pair.kind == "categorical":
        return _indicators(pair.name, reference, current)
    before, now = reference.astype(np.float64).reshape(-1, 1), current.astype(np.float64).reshape(-1, 1)
    if pair.kind == "boolean" or not len(before):
        return before, now, [pair.name]
    centre, width = float(before.mean()), float(before.std()) or 1.0
    scaled = [np.clip((side - centre) / width, -FURTHEST, FURTHEST) for side in (before, now)]
    return scaled[0], scaled[1], [pair.name]


def _indicators(name: str, reference: Array, current: Array) -> tuple[Array, Array, list[str]]:
    import numpy as np

    levels, counts = np.unique(reference.astype(str), return_counts=True)
    known = levels[np.argsort(-counts, kind="stable")[:MOST_LEVELS]]
    sides = [side.astype(str).reshape(-1, 1) == known for side in (reference, current)]
    before, now = (np.hstack([side, ~side.any(axis=1, keepdims=True)]).astype(np.float64) for side in sides)
    return before, now, [*(f"{name}={level}" for level in known), f"{name}: other"]


def p_value_finding(
    column: str | None, test: str, p_value: float, threshold: float, details: Mapping[str, float]
) -> Finding:
    """A test's finding; both its score and its threshold are −log10 of a probability."""
    drifts = p_value <= threshold
    subject = f"`{column}`" if column is not None else "the columns together"
    return Finding(
        column=column,
        statistic=f"{test}_neg_log10_p",
        drift_score=_neg_log10(p_value),
        threshold=_neg_log10(threshold),
        is_drift=drifts,
        p_value=p_value,
        details=FrozenDict({key: value for key, value in details.items() if math.isfinite(value)}),
        message=f"{subject} moved: {test} p = {p_value:.1e}, under {threshold:.1e}" if drifts else "",
    )


def _neg_log10(p: float) -> float:
    """Up to 300: a p-value of 0 is one that is too small for a number."""
    return max(0.0, -math.log10(max(p, 1e-300)))
