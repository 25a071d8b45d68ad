"""Whether a column's distribution has moved further than matters: PSI under the relevance rule."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.distances import BINS, Comparison, compare, relevance_threshold
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen, FrozenDict


class Psi(Detector):
    """Population stability index over equal-mass bins of the reference; nulls are one more bin.

    It drifts when the index is larger than a true difference of ``tolerance`` would show with probability alpha at these
    numbers of rows (``profiles.distances.relevance_threshold``): never a p-value alone, never a fixed bound alone.
    Timestamps are passed over, because they always move on; what a model sees of them are their date parts.
    """

    class Params(Frozen):
        """What does not matter, and how finely it is looked at."""

        tolerance: float = Field(0.05, ge=0.0, description="PSI that does not matter; about 0.2 standard deviations.")
        bins: int = Field(BINS, ge=2, le=256, description="Equal-mass bins of a numeric column.")

    params: Psi.Params
    tags: ClassVar[DetectorTags] = DetectorTags()

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a column; KS, JS, KL, chi² and Wasserstein go into the details."""
        return tuple(
            self._finding(name, comparison, evidence.alpha)
            for name, comparison in comparisons(evidence, self.params.bins).items()
        )

    def _finding(self, name: str, comparison: Comparison, alpha: float) -> Finding:
        threshold = relevance_threshold(
            comparison.reference_rows, comparison.current_rows, comparison.bins, self.params.tolerance, alpha
        )
        drifts = comparison.psi > threshold
        return Finding(
            column=name,
            statistic="psi",
            drift_score=comparison.psi,
            threshold=threshold,
            is_drift=drifts,
            details=details_of(comparison),
            message=f"`{name}` moved: PSI {comparison.psi:.3f} over {threshold:.3f}" if drifts else "",
        )


def comparisons(evidence: Evidence, bins: int, *, numeric_only: bool = False) -> dict[str, Comparison]:
    """Each column that can be compared, timestamps not among them."""
    layout = evidence.reference.layout
    kinds = {name: layout.column(name).kind for name in evidence.columns}
    wanted = {"numeric"} if numeric_only else {"numeric", "categorical", "boolean"}
    return {
        name: compare(evidence.reference.columns[name], evidence.current.columns[name], bins=bins)
        for name, kind in kinds.items()
        if kind in wanted and evidence.reference.columns[name].rows and evidence.current.columns[name].rows
    }


def details_of(comparison: Comparison) -> FrozenDict[float]:
    """All distances, for whoever reads the finding."""
    given = {
        "psi": comparison.psi,
        "kl": comparison.kl,
        "js": comparison.js,
        "ks": comparison.ks.statistic if comparison.ks else None,
        "ks_p_value": comparison.ks.p_value if comparison.ks else None,
        "chi2": comparison.chi2.statistic,
        "chi2_p_value": comparison.chi2.p_value,
        "wasserstein": comparison.wasserstein,
        "bins": float(comparison.bins),
    }
    return FrozenDict({key: value for key, value in given.items() if value is not None})
