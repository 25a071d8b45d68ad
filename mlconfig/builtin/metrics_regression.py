"""Metrics of predicted values, by scikit-learn's names and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from mlconfig.builtin.metrics_resampling import MeanMetric
from mlconfig.contracts.metric import Metric, MetricTags
from mlconfig.vocabulary import Task

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[Any, Any]
    Floats = np.ndarray[Any, np.dtype[np.float64]]

VALUES: frozenset[Task] = frozenset({"regression"})


class MeanSquaredError(MeanMetric):
    """Mean squared error."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=VALUES, greater_is_better=False)

    def each(self, y: Vector, predicted: Vector) -> Floats:
        """Squared error of each row."""
        return _errors(y, predicted) ** 2


class Rmse(MeanMetric):
    """Root mean squared error."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=VALUES, greater_is_better=False)

    def each(self, y: Vector, predicted: Vector) -> Floats:
        """Squared error of each row."""
        return _errors(y, predicted) ** 2

    def finish(self, means: Floats) -> Floats:
        """The root, in the target's unit."""
        import numpy as np

        return np.asarray(np.sqrt(means))


class MeanAbsoluteError(MeanMetric):
    """Mean absolute error."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=VALUES, greater_is_better=False)

    def each(self, y: Vector, predicted: Vector) -> Floats:
        """Absolute error of each row."""
        return abs(_errors(y, predicted))


class MedianAbsoluteError(Metric):
    """Median absolute error."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=VALUES, greater_is_better=False)

    def score(self, y: Vector, predicted: Vector) -> float:
        """NaN without rows."""
        import numpy as np

        return float(np.median(abs(_errors(y, predicted)))) if len(y) else float("nan")


class R2(Metric):
    """Share of the target's variance that is explained; undefined below two rows."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=VALUES)

    def score(self, y: Vector, predicted: Vector) -> float:
        """scikit-learn's: of a constant target 1 where exact, else 0."""
        from sklearn.metrics import r2_score

        return float(r2_score(y, predicted)) if len(y) > 1 else float("nan")

    def resampled(self, y: Vector, predicted: Vector, counts: Floats) -> Floats:
        """From the means of y, y² and the squared error."""
        import numpy as np

        centred = y.astype(np.float64) - float(np.mean(y))
        means = counts @ np.stack([centred, centred**2, _errors(y, predicted) ** 2], axis=1) / len(y)
        variance, error = means[:, 1] - means[:, 0] ** 2, means[:, 2]
        constant = variance <= 1e-14 * max(float(np.mean(centred**2)), 1e-300)
        return np.where(constant, np.where(error == 0, 1.0, 0.0), 1.0 - error / np.where(constant, 1.0, variance))


def _errors(y: Vector, predicted: Vector) -> Floats:
    import numpy as np

    return np.asarray(y, np.float64) - np.asarray(predicted, np.float64)
