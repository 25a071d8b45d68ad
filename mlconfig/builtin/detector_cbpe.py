"""How well a classifier probably does, before labels come: confidence-based performance estimation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from mlconfig.builtin.proportions import upper_quantile
from mlconfig.builtin.score_tables import right_table
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence, ScoreEvidence
from mlconfig.contracts.metric import Metric
from mlconfig.profiles.histogram import Counts, Floats
from mlconfig.profiles.scores import SCORE_BUCKETS, score_positions
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen, FrozenDict


@dataclass(frozen=True)
class _Estimate:
    """The metric over some answers, and over resamples of them [resamples]."""

    value: float
    resampled: Floats


@dataclass(frozen=True)
class _Estimator:
    """A metric from counts of answers. ``metric``: null for the accuracy; ``instead_of``: whose place that takes."""

    classes: int
    calibration: Floats
    metric: Metric | None
    name: str
    instead_of: str | None = None

    @property
    def greater_is_better(self) -> bool:
        return self.metric is None or self.metric.tags.greater_is_better

    def estimate(self, counts: Counts, resamples: int, rng: np.random.Generator) -> _Estimate:
        """From counts [classes, 512]."""
        flat = counts.ravel()
        used, rows = np.flatnonzero(flat), int(flat.sum())
        drawn = rng.multinomial(rows, flat[used] / rows, size=resamples)
        values = self._values(used, np.concatenate([flat[None, used], drawn]).astype(np.float64))
        return _Estimate(float(values[0]), values[1:])

    def _values(self, used: Counts, counts: Floats) -> Floats:
        """The metric of each row of ``counts`` [resamples, used cells]."""
        answered, bucket = used // SCORE_BUCKETS, used % SCORE_BUCKETS
        if self.metric is None:
            right = right_table(self.classes, self.calibration)[answered, bucket]
            return np.asarray(counts @ right / counts.sum(axis=1))
        true = self.calibration[bucket]
        read = score_positions()[bucket] if self.metric.tags.reads == "score" else answered
        y = np.repeat([1, 0], len(used))
        weights = np.concatenate([counts * true, counts * (1.0 - true)], axis=1)
        weights *= len(y) / weights.sum(
            axis=1, keepdims=True
        )  # a metric that is a mean divides by the rows it is given
        return np.asarray(self.metric.resampled(y, np.concatenate([read, read]), weights))


def _estimator(scores: ScoreEvidence) -> _Estimator:
    metric, classes = scores.metric, scores.reference.classes
    name = scores.metric_name or type(metric).__name__
    if classes == 2 and type(metric).resampled is not Metric.resampled:
        return _Estimator(classes, scores.calibration, metric, name)
    return _Estimator(classes, scores.calibration, None, "accuracy", None if name == "accuracy" else name)


class Cbpe(Detector):
    """The primary metric, estimated from scores alone: a calibrated probability says how often answers like it are right.

    Each score bucket's rows count as class 1 by its probability p and as class 0 by 1 − p; any metric of two classes that
    takes weighted rows follows. Of more classes only the answered one's score is known, so the accuracy is estimated
    there, as it is for a metric that takes whole rows only. The held-out rows are estimated the same way, so what the
    calibration gets wrong on both sides cancels out.

    It drifts when the drop (relative where smaller is better) is over ``max_drop`` by more than its sampling error allows
    at alpha: Φ⁻¹(1 − alpha) of its standard error over a parametric bootstrap of the counts of both sides, since a
    percentile as far out as alpha would ask for a million resamples (Efron, Tibshirani 1993, 13.3). It is blind to a
    change of what is true of the same inputs. Source: "CBPE", NannyML's documentation, 2022; Białek et al., arXiv
    2401.08348, 2024.
    """

    class Params(Frozen):
        """What is tolerated."""

        max_drop: float = Field(
            0.03, ge=0.0, description="Loss that does not matter; relative where smaller is better."
        )
        resamples: int = Field(200, ge=20, le=10_000, description="Bootstrap resamples.")

    params: Cbpe.Params
    tags: ClassVar[DetectorTags] = DetectorTags(
        reads=frozenset({"scores"}),
        columnwise=False,
        large_reference=False,
        tasks=frozenset({"binary", "multiclass"}),
    )

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding; none where either side has no answer, or the metric is undefined on one."""
        scores = evidence.scores
        if scores is None or not scores.reference.rows or not scores.current.rows:
            return ()
        estimator = _estimator(scores)
        rng = np.random.default_rng(evidence.random_state)
        before, now = (
            estimator.estimate(side.of(), self.params.resamples, rng) for side in (scores.reference, scores.current)
        )
        if not (math.isfinite(before.value) and math.isfinite(now.value)):
            return ()
        return (self._finding(scores, estimator, before, now, evidence.alpha),)

    def _finding(
        self, scores: ScoreEvidence, estimator: _Estimator, before: _Estimate, now: _Estimate, alpha: float
    ) -> Finding:
        sign = 1.0 if estimator.greater_is_better else -1.0
        scale = 1.0 if estimator.greater_is_better else max(abs(before.value), 1e-12)
        errors = [float(np.nanstd(side.resampled)) for side in (before, now)]
        # A window varies no less than so many of the held-out rows do: few rows that are alike prove nothing.
        errors[1] = max(errors[1], errors[0] * math.sqrt(scores.reference.rows / scores.current.rows))
        drop = sign * (before.value - now.value) / scale
        threshold = self.params.max_drop + upper_quantile(alpha) * math.hypot(*errors) / scale
        drifts, spread = drop > threshold, 1.96 * errors[1]
        whole = f" ({estimator.instead_of} cannot be had from counts of scores)" if estimator.instead_of else ""
        return Finding(
            column=None,
            statistic="estimated_performance_drop",
            drift_score=drop,
            threshold=threshold,
            is_drift=drifts,
            details=FrozenDict(
                {
                    "value": now.value, "low": now.value - spread, "high": now.value + spread, "reference": before.value,
                    "floor": before.value - sign * self.params.max_drop * scale, "rows": float(scores.current.rows),
                    "accuracy_instead": float(estimator.instead_of is not None),
                }
            ),
            message=f"estimated {estimator.name} {now.value:.4g} after {before.value:.4g} on {scores.words}: drop {drop:.3f}, "
            f"{'over' if drifts else 'not over'} {threshold:.3f}{whole}",
        )  # fmt: skip
