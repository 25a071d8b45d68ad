"""Whether a column's distribution has moved further than matters: Jensen–Shannon."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from mlconfig.builtin.compared_columns import Compared, column_details, compared_columns
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.distances import BINS, relevance_threshold
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen


class JensenShannon(Detector):
    """Jensen–Shannon distance, the root of the divergence in nats, over the bins of PSI; nulls are one more bin.

    The divergence is at most an eighth of PSI, and tends to it as the two come closer (both are f-divergences; the ratio
    of their generators' second derivatives is t / (2 (1 + t)²) ≤ 1/8: Taneja 2005, Crooks 2008). So eight divergences are
    judged by PSI's relevance rule: it drifts over √(threshold / 8), the threshold that of a PSI of 8 ``tolerance``². Far
    away, where PSI grows without bound, the distance ends at 0.83, so few rows far away alarm it less.
    """

    class Params(Frozen):
        """What does not matter, and how finely it is looked at."""

        tolerance: float = Field(
            0.08, ge=0.0, lt=0.83, description="Distance that does not matter; about 0.2 standard deviations."
        )
        bins: int = Field(BINS, ge=2, le=256, description="Equal-mass bins of a numeric column.")

    params: JensenShannon.Params
    tags: ClassVar[DetectorTags] = DetectorTags(reports=True)

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a column that is no timestamp."""
        return tuple(self._finding(evidence, column) for column in compared_columns(evidence, self.params.bins))

    def _finding(self, evidence: Evidence, column: Compared) -> Finding:
        found = column.comparison
        tolerance = 8 * self.params.tolerance**2
        threshold = math.sqrt(
            relevance_threshold(found.reference_rows, found.current_rows, found.bins, tolerance, evidence.alpha) / 8
        )
        drifts = found.js > threshold
        return Finding(
            column=column.name,
            statistic="js",
            drift_score=found.js,
            threshold=threshold,
            is_drift=drifts,
            details=column_details(evidence, column, "js"),
            message=f"`{column.name}` moved: JS distance {found.js:.3f} over {threshold:.3f}" if drifts else "",
        )
