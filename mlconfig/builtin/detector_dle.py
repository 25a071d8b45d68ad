"""How large a regression's errors probably are, before labels come: direct loss estimation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from mlconfig.builtin.proportions import upper_quantile
from mlconfig.builtin.row_matrix import RowEncoder, kinds_of
from mlconfig.builtin.score_tables import Mean, drop_error
from mlconfig.builtin.small_trees import cross_fit
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.arrays import as_numbers
from mlconfig.profiles.histogram import Floats
from mlconfig.records.columns import LABEL_VALUE, PREDICTION_VALUE
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen, FrozenDict

if TYPE_CHECKING:
    import pyarrow as pa

FOLDS = 3
LEAST_ROWS = 100
"""Held-out rows below which nothing can be learned about the errors."""
SQUARED = frozenset({"rmse", "root_mean_squared_error", "mean_squared_error", "r2"})
"""Primary metrics that square errors; for all others they are taken absolute."""


class _Losses:
    """What held-out rows teach about the errors: trees, and what they say of the held-out rows that each has not seen.

    Args:
        holdout: with answers and truth, of ``kinds``.
        squared: whether the errors are squared.
        random_state: of dealing the rows into folds.
    """

    def __init__(self, holdout: pa.Table, kinds: dict[str, str], *, squared: bool, random_state: int) -> None:
        truth, answer = (_values(holdout, name) for name in (LABEL_VALUE, PREDICTION_VALUE))
        known = np.isfinite(truth) & np.isfinite(answer)
        self.enough = int(known.sum()) >= LEAST_ROWS
        if not self.enough:
            return
        errors = np.abs(truth - answer)[known]
        losses = np.square(errors) if squared else errors
        self._encoder = RowEncoder([holdout], kinds)
        self._fit = cross_fit(
            self._encoder.matrix(holdout)[known], losses, "regression", folds=FOLDS, random_state=random_state,
            categorical=self._encoder.categorical,
        )  # fmt: skip
        self.reference = _mean(self._fit.predicted)

    def of(self, rows: pa.Table) -> Mean:
        """What the trees say of other rows."""
        return _mean(self._fit.predict(self._encoder.matrix(rows)))


def _values(table: pa.Table, name: str) -> Floats:
    return np.asarray(as_numbers(table.column(name), "numeric", name), np.float64)


def _mean(losses: Floats) -> Mean:
    return Mean(float(losses.mean()), float(losses.var()), len(losses))


class Dle(Detector):
    """Trees learn from held-out rows how large the error is, by inputs and answer, and say how large the window's are.

    The estimate is of the mean absolute error, or of the root mean squared error where the primary metric squares. It
    drifts when its increase over what the trees say of the held-out rows is over ``max_drop`` (0.03: 3 % more error) by
    more than sampling allows at alpha. It sees rows move to where the model errs more; it cannot see that the truth has
    changed, nor what lies where no held-out row was. Source: "Direct Loss Estimation", NannyML's documentation, 2022.
    """

    class Params(Frozen):
        """What is tolerated."""

        max_drop: float = Field(0.03, ge=0.0, description="Increase of the error that does not matter, as its share.")

    params: Dle.Params
    tags: ClassVar[DetectorTags] = DetectorTags(
        reads=frozenset({"rows"}), columnwise=False, large_reference=False, tasks=frozenset({"regression"})
    )
    _kept: tuple[pa.Table, tuple[Any, ...], _Losses] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without what was learned: it is learned again from the next evidence."""
        return {name: value for name, value in vars(self).items() if name != "_kept"}

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding; none without answers, or with fewer than 100 held-out rows that have their truth."""
        rows, holdout = evidence.rows, evidence.holdout
        if rows is None or holdout is None or not len(rows):
            return ()
        squared = evidence.metric_name in SQUARED
        losses = self._learned(evidence, holdout, squared=squared)
        if not losses.enough or losses.reference.value <= 0.0:
            return ()
        return (self._finding(losses.reference, losses.of(rows), evidence.alpha, squared=squared),)

    def _learned(self, evidence: Evidence, holdout: pa.Table, *, squared: bool) -> _Losses:
        """Learned once a table: windows of one pass share their held-out rows."""
        kinds = {**kinds_of(evidence.reference.layout, evidence.columns), PREDICTION_VALUE: "numeric"}
        key = (tuple(kinds.items()), squared, evidence.random_state)
        kept = self._kept
        if kept is None or kept[0] is not holdout or kept[1] != key:
            kept = holdout, key, _Losses(holdout, kinds, squared=squared, random_state=evidence.random_state)
            self._kept = kept
        return kept[2]

    def _finding(self, before: Mean, now: Mean, alpha: float, *, squared: bool) -> Finding:
        power = 0.5 if squared else 1.0
        was, value = before.value**power, max(now.value, 0.0) ** power
        error = power * was * drop_error(before, now) / before.value
        drop, allowance = value / was - 1.0, upper_quantile(alpha) * error / was
        threshold = self.params.max_drop + allowance
        name, drifts = "RMSE" if squared else "MAE", drop > threshold
        return Finding(
            column=None,
            statistic="estimated_performance_drop",
            drift_score=drop,
            threshold=threshold,
            is_drift=drifts,
            details=FrozenDict(
                {
                    "value": value, "low": max(0.0, value - 1.96 * error), "high": value + 1.96 * error, "reference": was,
                    "floor": was * (1.0 + self.params.max_drop), "rows": float(now.rows),
                }
            ),
            message=f"estimated {name} {value:.4g} after {was:.4g} on held-out rows: {drop:+.1%}, "
            f"{'over' if drifts else 'not over'} {threshold:.1%}",
        )  # fmt: skip
