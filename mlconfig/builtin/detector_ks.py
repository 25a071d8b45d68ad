"""Whether a numeric column's distribution function has moved further than matters: Kolmogorov–Smirnov."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from mlconfig.builtin.detector_psi import comparisons, details_of
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.distances import BINS, Comparison
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen


class Ks(Detector):
    """Largest gap between the two distribution functions; nulls stand below all values. Only numeric columns.

    A p-value alone would alarm on any difference once there are rows enough. Here it drifts when the gap is over
    ``tolerance`` + K(alpha) / √(n N / (n + N)), K the upper quantile of Kolmogorov's distribution: if the true gap is at most
    ``tolerance``, the observed one is larger with a probability of at most about alpha (the
    triangle inequality for the largest gap).
    """

    class Params(Frozen):
        """What does not matter."""

        tolerance: float = Field(0.1, ge=0.0, lt=1.0, description="Gap that does not matter; 0.25 standard deviations.")

    params: Ks.Params
    tags: ClassVar[DetectorTags] = DetectorTags()

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a numeric column."""
        found = comparisons(evidence, BINS, numeric_only=True)
        return tuple(self._finding(name, comparison, evidence.alpha) for name, comparison in found.items())

    def _finding(self, name: str, comparison: Comparison, alpha: float) -> Finding:
        from scipy.special import kolmogi

        assert comparison.ks is not None
        n, m = comparison.reference_rows, comparison.current_rows
        gap = comparison.ks.statistic
        threshold = self.params.tolerance + float(kolmogi(alpha)) / math.sqrt(n * m / (n + m))
        return Finding(
            column=name,
            statistic="ks",
            drift_score=gap,
            threshold=threshold,
            is_drift=gap > threshold,
            p_value=comparison.ks.p_value,
            details=details_of(comparison),
            message=f"`{name}` moved: KS {gap:.3f} over {threshold:.3f}" if gap > threshold else "",
        )
