"""Whether the shares of a column's levels have moved further than matters: chi²."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mlconfig.builtin.compared_columns import Compared, column_details, compared_columns
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.distances import BINS, relevance_threshold
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen


class Chi2(Detector):
    """Two-sample chi² (Pearson) over levels, or equal-mass bins of a numeric column; nulls are one more.

    The score is the statistic over n N / (n + N), an effect size on the scale of PSI. It drifts by the same relevance rule:
    when the statistic is over the 1 − alpha quantile of the non-central chi² of a difference of ``tolerance``. The p-value is
    reported and decides nothing.
    """

    class Params(Frozen):
        """What does not matter, and how finely it is looked at."""

        tolerance: float = Field(0.05, ge=0.0, description="Effect that does not matter, on the scale of PSI.")
        bins: int = Field(BINS, ge=2, le=256, description="Equal-mass bins of a numeric column.")

    params: Chi2.Params
    tags: ClassVar[DetectorTags] = DetectorTags(reports=True)

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a column that is no timestamp."""
        return tuple(self._finding(evidence, column) for column in compared_columns(evidence, self.params.bins))

    def _finding(self, evidence: Evidence, column: Compared) -> Finding:
        found = column.comparison
        n, m = found.reference_rows, found.current_rows
        score = found.chi2.statistic / (n * m / (n + m))
        threshold = relevance_threshold(n, m, found.bins, self.params.tolerance, evidence.alpha)
        return Finding(
            column=column.name,
            statistic="chi2",
            drift_score=score,
            threshold=threshold,
            is_drift=score > threshold,
            p_value=found.chi2.p_value,
            details=column_details(evidence, column, "chi2"),
            message=f"`{column.name}` moved: chi² effect {score:.3f} over {threshold:.3f}" if score > threshold else "",
        )
