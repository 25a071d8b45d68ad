"""Whether a numeric column's mass has moved further than matters: Wasserstein."""

from __future__ import annotations

import math
from functools import cache
from typing import ClassVar

import numpy as np
from pydantic import Field

from mlconfig.builtin.compared_columns import Compared, column_details, compared_columns
from mlconfig.builtin.proportions import upper_quantile
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.distances import BINS
from mlconfig.profiles.histogram import Floats, positions
from mlconfig.profiles.profile import ColumnCounts
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen

FARTHEST = 4.0
"""Interquartile ranges from the median beyond which a value counts as that far (5.4 standard deviations of a normal column)."""


class Wasserstein(Detector):
    """First Wasserstein distance in interquartile ranges of the reference: how far mass has moved, on average. Only
    numbers.

    Values count as at most 4 ranges from the median, or one wild value among a thousand would hide or feign a shift of
    the rest; nulls stand there too, below. The details tell the distance of the values as they are.

    It drifts over ``tolerance`` + what sampling adds. The distance seen is at most the true one + the area under |(F̂ −
    F) − (Ĝ − G)|, F of the reference's N rows, G of the window's n. That area tends to a Gaussian process's: its mean is
    √(2/π) ∫ √(F(1−F)/N + G(1−G)/n) (del Barrio, Giné, Matrán 1999), no less than its median (Kwapień 1994), and it is
    over its median by Φ⁻¹(1 − alpha) √(var F / N + var G / n) with probability of at most alpha (Borell 1975; by duality
    no 1-Lipschitz function of a row varies more than the row).
    """

    class Params(Frozen):
        """What does not matter."""

        tolerance: float = Field(
            0.15, ge=0.0, description="Distance that does not matter, in interquartile ranges; 0.2 standard deviations."
        )

    params: Wasserstein.Params
    tags: ClassVar[DetectorTags] = DetectorTags(reports=True, kinds=frozenset({"numeric"}))

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a numeric column."""
        return tuple(self._finding(evidence, column) for column in compared_columns(evidence, BINS, numeric_only=True))

    def _finding(self, evidence: Evidence, column: Compared) -> Finding:
        before, now = _Mass(column.reference), _Mass(column.current)
        moved = float(np.abs(before.below - now.below) @ _widths())
        threshold = self.params.tolerance + _allowance(before, now, evidence.alpha)
        drifts = moved > threshold
        return Finding(
            column=column.name,
            statistic="wasserstein",
            drift_score=moved,
            threshold=threshold,
            is_drift=drifts,
            details=column_details(evidence, column, "wasserstein"),
            message=f"`{column.name}` moved by {moved:.3f} interquartile ranges, over {threshold:.3f}"
            if drifts
            else "",
        )


@cache
def _places() -> Floats:
    return np.clip(positions(), -FARTHEST, FARTHEST)


@cache
def _widths() -> Floats:
    return np.diff(_places())


class _Mass:
    """A column's rows on the line; nulls are at its lower end. ``below``: the share up to each place but the last."""

    def __init__(self, counts: ColumnCounts) -> None:
        rows = counts.vector()
        rows[0] += counts.nulls
        self.rows = counts.rows
        self.below = rows.cumsum()[:-1] / self.rows
        mean = float(rows @ _places()) / self.rows
        self.variance = float(rows @ _places() ** 2) / self.rows - mean**2


def _allowance(before: _Mass, now: _Mass, alpha: float) -> float:
    """What sampling of both adds to the distance, at most, but for probability alpha."""
    varying = sum(mass.below * (1.0 - mass.below) / mass.rows for mass in (before, now))
    mean = math.sqrt(2.0 / math.pi) * float(np.sqrt(np.maximum(varying, 0.0)) @ _widths())
    spread = math.sqrt(max(0.0, before.variance / before.rows + now.variance / now.rows))
    return mean + upper_quantile(alpha) * spread
