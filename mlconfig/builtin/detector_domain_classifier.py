"""Whether rows of the window can be told from rows of the reference, and by which columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from mlconfig.builtin.proportions import upper_quantile
from mlconfig.builtin.row_matrix import RowEncoder, kinds_of
from mlconfig.builtin.small_trees import CrossFit, cross_fit
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.histogram import Floats
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen, FrozenDict

if TYPE_CHECKING:
    import pyarrow as pa

FOLDS = 2
LEAST_ROWS = 50
"""Rows of either side below which nothing can be learned."""
TOLD = 3
MOSTLY = 0.5
"""A column with such a part of the largest gain is what tells the rows apart as well; one with less may be noise."""


class DomainClassifier(Detector):
    """A LightGBM classifier of reference against window, cross-fitted: its AUC is 0.5 where nothing differs, whatever
    moved together or apart included.

    It drifts when the AUC is over ``min_auc`` by more than its sampling error allows at alpha (Hanley, McNeil, Radiology
    1982, at an AUC of ``min_auc``): whatever the classifier learned, its AUC on unseen rows is on average no more than
    the best there is. The columns that tell the two apart are named by their share of the gain, and the vote counts for
    those with the largest shares. Source: Lopez-Paz, Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
    """

    class Params(Frozen):
        """How many rows are looked at, and what does not matter."""

        rows: int = Field(5000, ge=LEAST_ROWS, le=5000, description="Rows of either side; of more, evenly spaced ones.")
        min_auc: float = Field(0.60, ge=0.5, lt=1.0, description="Area under the ROC curve that does not matter.")

    params: DomainClassifier.Params
    tags: ClassVar[DetectorTags] = DetectorTags(
        reads=frozenset({"rows"}), columnwise=False, large_reference=False, rows=5000
    )

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding; none with fewer than 50 rows on either side, or without columns."""
        tables = [_evenly(table, self.params.rows) for table in (evidence.reference_rows, evidence.rows)]
        sizes = [0 if table is None else len(table) for table in tables]
        if min(sizes) < LEAST_ROWS:
            return ()
        given = [table for table in tables if table is not None]
        encoder = RowEncoder(given, kinds_of(evidence.reference.layout, evidence.columns))
        if not encoder.names:
            return ()
        domain = np.repeat([0.0, 1.0], sizes)
        found = cross_fit(
            np.concatenate([encoder.matrix(table) for table in given]), domain, "binary", folds=FOLDS,
            random_state=evidence.random_state, categorical=encoder.categorical,
        )  # fmt: skip
        return (self._finding(encoder.names, found, domain, evidence.alpha),)

    def _finding(self, names: tuple[str, ...], found: CrossFit, domain: Floats, alpha: float) -> Finding:
        from scipy.special import ndtr

        n, m = int((domain == 0).sum()), int((domain == 1).sum())
        auc = float(np.mean([_auc(found.predicted[at], domain[at]) for at in (found.fold == k for k in range(FOLDS))]))
        threshold = self.params.min_auc + upper_quantile(alpha) * auc_error(self.params.min_auc, n, m)
        error, drifts = auc_error(auc, n, m), auc > threshold
        by_gain = sorted(zip(found.gain.tolist(), names, strict=True), reverse=True)
        told = ", ".join(f"`{name}` ({share:.0%})" for share, name in by_gain[:TOLD] if share > 0)
        return Finding(
            column=None,
            statistic="domain_auc",
            drift_score=auc,
            threshold=threshold,
            is_drift=drifts,
            p_value=float(ndtr(-(auc - 0.5) / auc_error(0.5, n, m))),
            details=FrozenDict(
                {
                    "low": max(0.0, auc - 1.96 * error), "high": min(1.0, auc + 1.96 * error), "rows": float(m),
                    "reference_rows": float(n), **{f"gain.{name}": share for share, name in by_gain},
                }
            ),
            shown_by=_shown_by(by_gain) if drifts else (),
            message=f"the window's rows can be told from the reference's: AUC {auc:.3f} over {threshold:.3f}, by {told}"
            if drifts
            else "",
        )  # fmt: skip


def _shown_by(by_gain: list[tuple[float, str]]) -> tuple[str, ...]:
    """The columns that the rows are mostly told apart by, given all, the largest gain first."""
    largest = by_gain[0][0]
    return tuple(name for share, name in by_gain if share > 0 and share >= MOSTLY * largest)


def _evenly(table: pa.Table | None, rows: int) -> pa.Table | None:
    """So many rows at most, evenly spaced."""
    import pyarrow as pa

    if table is None or len(table) <= rows:
        return table
    return table.take(pa.array(np.linspace(0, len(table) - 1, rows).astype(np.int64)))


def _auc(scores: Floats, domain: Floats) -> float:
    """Share of pairs in the right order, ties half (Mann, Whitney 1947)."""
    others = np.sort(scores[domain == 0])
    own = scores[domain == 1]
    below = np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")
    return float(below.mean()) / (2.0 * len(others))


def auc_error(auc: float, n: int, m: int) -> float:
    """The standard error of an AUC over ``n`` and ``m`` rows (Hanley, McNeil 1982); at 0.5 nearly that of Mann and Whitney."""
    first, second = auc / (2.0 - auc), 2.0 * auc**2 / (1.0 + auc)
    varying = auc * (1.0 - auc) + (m - 1) * (first - auc**2) + (n - 1) * (second - auc**2)
    return math.sqrt(max(varying, 0.0) / (n * m))
