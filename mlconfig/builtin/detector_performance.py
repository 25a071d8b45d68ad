"""Whether answers have become worse, measured with the labels that arrived."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mlconfig.contracts.bootstrap import draws, percentile_interval
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence, LabelEvidence
from mlconfig.errors import PluginError
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen, FrozenDict


class Performance(Detector):
    """The primary metric of the window with its bootstrap interval, beside its value at evaluation.

    It is a drop when even the interval's better end is beyond the floor: the reference less ``max_drop``, or ``min``. For a
    metric where smaller is better (rmse, log_loss) ``max_drop`` is relative, 0.03 being 3 % more error than at evaluation, and
    ``max`` takes the place of ``min``. One such window in forty may be chance at the very floor; persistence sees to that.
    """

    class Params(Frozen):
        """What is tolerated, and what it takes to judge."""

        max_drop: float = Field(0.03, ge=0.0, description="Loss against evaluation; relative where smaller is better.")
        min: float | None = Field(None, description="Lowest accepted value, where greater is better.")
        max: float | None = Field(None, description="Highest accepted value, where smaller is better.")
        min_rows: int = Field(200, ge=2, description="Labelled rows below which nothing is said.")
        level: float = Field(0.95, gt=0.5, lt=1.0, description="Coverage of the interval.")
        resamples: int = Field(400, ge=20, le=100_000, description="Bootstrap resamples.")

    params: Performance.Params
    tags: ClassVar[DetectorTags] = DetectorTags(reads=frozenset({"labels"}), columnwise=False)

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding; none with too few labels, or where the metric is undefined."""
        labels = evidence.labels
        if labels is None or len(labels.y) < self.params.min_rows:
            return ()
        self._check_bounds(labels)
        read = labels.score if labels.metric.tags.reads == "score" else labels.predicted
        if read is None:
            raise PluginError("the metric reads probabilities, and the log holds none", where="detector `performance`")
        value = labels.metric.score(labels.y, read)
        interval = self._interval(labels, read, evidence.random_state)
        return () if interval is None else (self._finding(labels, value, interval),)

    def _check_bounds(self, labels: LabelEvidence) -> None:
        wrong = "max" if labels.metric.tags.greater_is_better else "min"
        if getattr(self.params, wrong) is not None:
            raise PluginError(
                f"`{wrong}` bounds nothing for this metric",
                "detector `performance`",
                "use the other of `min` and `max`",
            )

    def _interval(self, labels: LabelEvidence, read: object, random_state: int) -> tuple[float, float] | None:
        import numpy as np

        found = [
            labels.metric.resampled(labels.y, np.asarray(read), counts)
            for counts in draws(len(labels.y), self.params.resamples, random_state)
        ]
        return percentile_interval(np.concatenate(found), self.params.level)

    def _finding(self, labels: LabelEvidence, value: float, interval: tuple[float, float]) -> Finding:
        low, high = interval
        greater = labels.metric.tags.greater_is_better
        better, sign = (high, 1.0) if greater else (low, -1.0)
        scale = 1.0 if greater else max(abs(labels.reference), 1e-12)
        floor = labels.reference - sign * self.params.max_drop * scale
        bound = self.params.min if greater else self.params.max
        if bound is not None:
            floor = max(floor, bound) if greater else min(floor, bound)
        dropped = sign * (better - floor) < 0
        facts = {"value": value, "low": low, "high": high, "reference": labels.reference, "floor": floor}
        return Finding(
            column=None,
            statistic="performance_drop",
            drift_score=sign * (labels.reference - value) / scale,
            threshold=sign * (labels.reference - floor) / scale,
            is_drift=dropped,
            details=FrozenDict({**facts, "rows": float(len(labels.y)), "coverage": labels.coverage}),
            message=f"{value:.4g} ({low:.4g} to {high:.4g}) after {labels.reference:.4g} at evaluation; "
            f"{'even the better end is' if dropped else 'not'} beyond {floor:.4g}",
        )
