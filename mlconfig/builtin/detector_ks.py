"""Whether a numeric column's distribution function has moved further than matters: Kolmogorov–Smirnov."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from mlconfig.builtin.compared_columns import Compared, column_details, compared_columns
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.distances import BINS
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
    tags: ClassVar[DetectorTags] = DetectorTags(reports=True, kinds=frozenset({"numeric"}))

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a numeric column."""
        return tuple(self._finding(evidence, column) for column in compared_columns(evidence, BINS, numeric_only=True))

    def _finding(self, evidence: Evidence, column: Compared) -> Finding:
        from scipy.special import kolmogi

        found = column.comparison
        assert found.ks is not None
        n, m = found.reference_rows, found.current_rows
        gap = found.ks.statistic
        threshold = self.params.tolerance + float(kolmogi(evidence.alpha)) / math.sqrt(n * m / (n + m))
        return Finding(
            column=column.name,
            statistic="ks",
            drift_score=gap,
            threshold=threshold,
            is_drift=gap > threshold,
            p_value=found.ks.p_value,
            details=column_details(evidence, column, "ks"),
            message=f"`{column.name}` moved: KS {gap:.3f} over {threshold:.3f}" if gap > threshold else "",
        )
