"""Whether a column's distribution has moved further than matters: PSI under the relevance rule."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mlconfig.builtin.compared_columns import Compared, column_details, compared_columns
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.clusters import alike_threshold
from mlconfig.profiles.distances import BINS, relevance_threshold
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen


class Psi(Detector):
    """Population stability index over equal-mass bins of the reference; nulls are one more bin.

    It drifts when the index is larger than a true difference of ``tolerance`` would show with probability alpha at these
    numbers of rows (``profiles.distances.relevance_threshold``): never a p-value alone, never a fixed bound alone.
    Rows of one stretch of time that are alike count as the fewer that they are worth (``profiles.clusters``).
    Timestamps are passed over, because they always move on; what a model sees of them are their date parts.
    """

    class Params(Frozen):
        """What does not matter, and how finely it is looked at."""

        tolerance: float = Field(0.05, ge=0.0, description="PSI that does not matter; about 0.2 standard deviations.")
        bins: int = Field(BINS, ge=2, le=256, description="Equal-mass bins of a numeric column.")

    params: Psi.Params
    tags: ClassVar[DetectorTags] = DetectorTags(reports=True)

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a column; the other distances that are to be told go into the details."""
        return tuple(self._finding(evidence, column) for column in compared_columns(evidence, self.params.bins))

    def _finding(self, evidence: Evidence, column: Compared) -> Finding:
        found = column.comparison
        threshold = self._threshold(evidence, column)
        drifts = found.psi > threshold
        return Finding(
            column=column.name,
            statistic="psi",
            drift_score=found.psi,
            threshold=threshold,
            is_drift=drifts,
            details=column_details(evidence, column, "psi"),
            message=f"`{column.name}` moved: PSI {found.psi:.3f} over {threshold:.3f}" if drifts else "",
        )

    def _threshold(self, evidence: Evidence, column: Compared) -> float:
        found, worth = column.comparison, evidence.worth.get(column.name)
        given = found.reference_rows, found.current_rows, found.bins, self.params.tolerance, evidence.alpha
        return relevance_threshold(*given) if worth is None else alike_threshold(worth, *given)

    def explain(self, evidence: Evidence) -> tuple[str, ...]:
        """The relevance rule with the figures of each column."""
        return tuple(
            sentence
            for column in compared_columns(evidence, self.params.bins)
            for sentence in self._rule(evidence, column)
        )

    def _rule(self, evidence: Evidence, column: Compared) -> tuple[str, ...]:
        found, tolerance = column.comparison, self.params.tolerance
        n, m, worth = found.reference_rows, found.current_rows, evidence.worth.get(column.name)
        effective, freedom, scale = n * m / (n + m), float(max(found.bins, 2) - 1), 1.0
        said: tuple[str, ...] = ()
        if worth is not None and worth.excess:
            scale, freedom = worth.mixture(n, m, freedom)
            independent = f"{worth.of_window(m):.0f} independent ones, the reference's as {worth.of_reference(n):.0f}"
            said = (
                f"rows of one stretch of time are alike: the window's say as much as {independent}",
                f"so n_e · PSI is taken for {scale:.3g} times a chi², and n_e for {effective / scale:.1f}",
            )
        shift = effective / scale * tolerance
        quantile = f"the 1 − alpha quantile of chi² with {freedom:.3g} degrees of freedom, non-central by {shift:.1f}"
        return (
            f"PSI over {found.bins} bins, Σ (window − reference) · ln(window / reference) of their shares, = {found.psi:.4f}",
            f"n_e = N·n / (N + n) = {n}·{m} / {n + m} = {effective:.1f} effective rows",
            *said,
            f"a true PSI of {tolerance:g} does not matter (params.tolerance)",
            f"threshold = {quantile} / n_e = {self._threshold(evidence, column):.4f}",
        )
