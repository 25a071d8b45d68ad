"""Whether answers have become worse, measured with the labels that arrived."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from mlconfig.builtin.score_tables import mean_of, right_table
from mlconfig.contracts.bootstrap import draws, percentile_interval
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence, LabelEvidence, ScoreEvidence
from mlconfig.errors import PluginError
from mlconfig.profiles.scores import score_bucket
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen, FrozenDict

FEW = 50
"""Labels from which on a prediction-powered estimate can be had."""


@dataclass(frozen=True)
class _Measured:
    """The metric and its interval; ``scored``: answers without a label that took part, 0 where none did."""

    value: float
    low: float
    high: float
    scored: int = 0


class Performance(Detector):
    """The primary metric of the window with its bootstrap interval, beside its value at evaluation.

    It is a drop when even the interval's better end is beyond the floor: the reference less ``max_drop``, or ``min``. For
    a metric where smaller is better (rmse, log_loss) ``max_drop`` is relative, 0.03 being 3 % more error than at
    evaluation, and ``max`` takes the place of ``min``. One such window in forty may be chance at the very floor;
    persistence sees to that.

    With fewer than ``min_rows`` labels, but 50, the accuracy is estimated from them and the scores of all answers: the
    mean calibrated probability of being right over all, corrected by what it gets wrong on the labelled, which is right
    on average whatever the calibration (prediction-powered inference: Angelopoulos et al., Science 382, 2023).
    """

    class Params(Frozen):
        """What is tolerated, and what it takes to judge."""

        max_drop: float = Field(0.03, ge=0.0, description="Loss against evaluation; relative where smaller is better.")
        min: float | None = Field(None, description="Lowest accepted value, where greater is better.")
        max: float | None = Field(None, description="Highest accepted value, where smaller is better.")
        min_rows: int = Field(
            200,
            ge=2,
            description="Labelled rows below which nothing is said; of an accuracy, 50 do where scores are logged.",
        )
        level: float = Field(0.95, gt=0.5, lt=1.0, description="Coverage of the interval.")
        resamples: int = Field(400, ge=20, le=100_000, description="Bootstrap resamples.")

    params: Performance.Params
    tags: ClassVar[DetectorTags] = DetectorTags(
        reads=frozenset({"labels", "scores"}), columnwise=False, large_reference=False, bounds_metric=True
    )

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding; none with too few labels, or where the metric is undefined."""
        labels = evidence.labels
        if labels is None:
            return ()
        if len(labels.y) >= self.params.min_rows:
            self._check_bounds(labels)
            measured = self._by_labels(labels, evidence.random_state)
        else:
            measured = _prediction_powered(labels, evidence.scores, self.params.level)
        return () if measured is None else (self._finding(labels, measured),)

    def _check_bounds(self, labels: LabelEvidence) -> None:
        wrong = "max" if labels.metric.tags.greater_is_better else "min"
        if getattr(self.params, wrong) is not None:
            raise PluginError(
                f"`{wrong}` bounds nothing for this metric",
                "detector `performance`",
                "use the other of `min` and `max`",
            )

    def _by_labels(self, labels: LabelEvidence, random_state: int) -> _Measured | None:
        read = labels.score if labels.metric.tags.reads == "score" else labels.predicted
        if read is None:
            raise PluginError("the metric reads probabilities, and the log holds none", where="detector `performance`")
        value = labels.metric.score(labels.y, read)
        found = [
            labels.metric.resampled(labels.y, np.asarray(read), counts)
            for counts in draws(len(labels.y), self.params.resamples, random_state)
        ]
        interval = percentile_interval(np.concatenate(found), self.params.level)
        return None if interval is None else _Measured(value, *interval)

    def _finding(self, labels: LabelEvidence, measured: _Measured) -> Finding:
        value, low, high = measured.value, measured.low, measured.high
        greater = labels.metric.tags.greater_is_better
        better, sign = (high, 1.0) if greater else (low, -1.0)
        scale = 1.0 if greater else max(abs(labels.reference), 1e-12)
        floor = labels.reference - sign * self.params.max_drop * scale
        bound = self.params.min if greater else self.params.max
        if bound is not None:
            floor = max(floor, bound) if greater else min(floor, bound)
        dropped = sign * (better - floor) < 0
        facts = {"value": value, "low": low, "high": high, "reference": labels.reference, "floor": floor}
        counted = {"rows": float(len(labels.y)), "coverage": labels.coverage, "scored_rows": float(measured.scored)}
        how = (
            f" (prediction-powered, from {len(labels.y)} labels and {measured.scored:,} scores)"
            if measured.scored
            else ""
        )
        return Finding(
            column=None,
            statistic="performance_drop",
            drift_score=sign * (labels.reference - value) / scale,
            threshold=sign * (labels.reference - floor) / scale,
            is_drift=dropped,
            details=FrozenDict({**facts, **counted}),
            message=f"{value:.4g} ({low:.4g} to {high:.4g}) after {labels.reference:.4g} at evaluation; "
            f"{'even the better end is' if dropped else 'not'} beyond {floor:.4g}{how}",
        )


def _prediction_powered(labels: LabelEvidence, scores: ScoreEvidence | None, level: float) -> _Measured | None:
    """The accuracy and its normal interval; null where the metric is another one, or too little is known."""
    from scipy.special import stdtrit

    count = len(labels.y)
    if (
        labels.metric_name != "accuracy"
        or count < FEW
        or scores is None
        or not scores.current.rows
        or labels.score is None
    ):
        return None
    table = right_table(scores.current.classes, scores.calibration)
    everywhere = mean_of(scores.current.of(), table)
    predicted = np.asarray(labels.predicted).astype(np.int64)
    answered = labels.score if labels.score.ndim == 1 else labels.score[np.arange(count), predicted]
    said = table[predicted, score_bucket(answered)]
    wrong = (labels.y == labels.predicted) - said
    value = everywhere.value + float(wrong.mean())
    error = math.sqrt(everywhere.variance / everywhere.rows + float(wrong.var(ddof=1)) / count)
    half = float(stdtrit(count - 1, (1.0 + level) / 2.0)) * error
    return _Measured(value, max(0.0, value - half), min(1.0, value + half), everywhere.rows)
