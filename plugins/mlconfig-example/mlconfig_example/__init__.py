"""A detector and a transform for mlconfig, found through the entry points in ``pyproject.toml``.

This module is imported for tags and settings when a recipe is compiled, so it imports nothing heavy.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, ClassVar

from pydantic import Field

from mlconfig.contracts import Detector, DetectorTags, Evidence, Transform, TransformTags
from mlconfig.profiles.counts import NumericCounts
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen


class MeanShift(Detector):
    """Whether a numeric column's mean has moved by more reference standard deviations than matters.

    It drifts when the shift is over ``tolerance`` + z(1 − alpha / 2) standard errors: a true shift of at most ``tolerance``
    then alarms with a probability of at most about alpha, however many rows there are. Means and variances come from the
    profiles' sums; no row is read. A column without a value says nothing.
    """

    class Params(Frozen):
        """What does not matter."""

        tolerance: float = Field(0.2, ge=0.0, description="Shift that does not matter, in standard deviations.")

    params: MeanShift.Params
    tags: ClassVar[DetectorTags] = DetectorTags(reads=frozenset({"profile"}), columnwise=True)

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a numeric column with at least two values on each side."""
        found = []
        for name in evidence.columns:
            reference, current = evidence.reference.columns[name], evidence.current.columns[name]
            numeric = evidence.reference.layout.column(name).kind == "numeric"
            if numeric and isinstance(reference, NumericCounts) and isinstance(current, NumericCounts):
                found += (
                    [self._finding(name, reference, current, evidence.alpha)] if min(reference.n, current.n) > 1 else []
                )
        return tuple(found)

    def _finding(self, name: str, reference: NumericCounts, current: NumericCounts, alpha: float) -> Finding:
        before, spread = _mean_and_variance(reference)
        now, spread_now = _mean_and_variance(current)
        deviation = math.sqrt(spread) or 1.0
        shift = abs(now - before) / deviation
        error = math.sqrt(spread / reference.n + spread_now / current.n) / deviation
        threshold = self.params.tolerance + NormalDist().inv_cdf(1.0 - alpha / 2) * error
        drifts = shift > threshold
        return Finding(
            column=name,
            statistic="mean_shift",
            drift_score=shift,
            threshold=threshold,
            is_drift=drifts,
            message=f"the mean of `{name}` moved by {shift:.2f} standard deviations ({threshold:.2f} allowed)"
            if drifts
            else "",
        )


def _mean_and_variance(counts: NumericCounts) -> tuple[float, float]:
    """In the reference's scale units."""
    mean = counts.total / counts.n
    return mean, max(0.0, counts.total_squared / counts.n - mean * mean)


class Cyclic(Transform):
    """A number that goes round, as sine and cosine: 23 o'clock lies beside 0. Missing numbers stay missing."""

    class Params(Frozen):
        """How long one round is."""

        period: float = Field(gt=0.0, description="Of one round, in the column's unit: 24 for hours, 360 for degrees.")

    params: Cyclic.Params
    tags: ClassVar[TransformTags] = TransformTags(kinds=frozenset({"numeric"}), keeps_nulls=True, exports_onnx=True)

    def build(self) -> Any:
        """An unfitted ``CyclicTransformer``."""
        from mlconfig_example.cyclic import CyclicTransformer

        return CyclicTransformer(self.params.period)

    def register_onnx(self) -> None:
        """Tells skl2onnx how to write it."""
        from mlconfig_example.cyclic import register

        register()
