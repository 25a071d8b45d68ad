"""Metrics of predicted classes, by scikit-learn's names and values (class codes 0 … k − 1; 1 is the positive class)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from mlconfig.builtin.metrics_resampling import ConfusionMetric, MeanMetric
from mlconfig.contracts.metric import MetricTags
from mlconfig.vocabulary import Task

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[Any, Any]
    Floats = np.ndarray[Any, np.dtype[np.float64]]

BINARY: frozenset[Task] = frozenset({"binary"})
CLASSES: frozenset[Task] = frozenset({"binary", "multiclass"})


class Accuracy(MeanMetric):
    """Share of right answers."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=CLASSES)

    def each(self, y: Vector, predicted: Vector) -> Floats:
        """1 where right."""
        import numpy as np

        return np.asarray(y == predicted, np.float64)


class BalancedAccuracy(ConfusionMetric):
    """Mean recall of the classes that occur."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=CLASSES)

    def from_confusion(self, matrices: Floats) -> Floats:
        """Mean over the classes with rows."""
        import numpy as np

        return np.asarray(np.nanmean(_diagonal(matrices) / matrices.sum(axis=2), axis=1))


class F1(ConfusionMetric):
    """Harmonic mean of precision and recall of the positive class; undefined without a positive row."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=BINARY)

    def from_confusion(self, matrices: Floats) -> Floats:
        """2 TP / (2 TP + FP + FN)."""
        right, answered, true = matrices[:, 1, 1], matrices[:, :, 1].sum(axis=1), matrices[:, 1].sum(axis=1)
        return _undefined_without(true, 2 * right / (answered + true))


class F1Macro(ConfusionMetric):
    """Mean F1 of the classes that occur in truth or answer."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=CLASSES)

    def from_confusion(self, matrices: Floats) -> Floats:
        """A class that occurs in neither is not counted."""
        import numpy as np

        return np.asarray(np.nanmean(2 * _diagonal(matrices) / (matrices.sum(axis=1) + matrices.sum(axis=2)), axis=1))


class Precision(ConfusionMetric):
    """Share of positive answers that are right; 0 where none was given."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=BINARY)

    def from_confusion(self, matrices: Floats) -> Floats:
        """TP / (TP + FP)."""
        import numpy as np

        return np.asarray(np.nan_to_num(matrices[:, 1, 1] / matrices[:, :, 1].sum(axis=1), nan=0.0))


class Recall(ConfusionMetric):
    """Share of positive rows that were found; undefined without one."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=BINARY)

    def from_confusion(self, matrices: Floats) -> Floats:
        """TP / (TP + FN)."""
        true = matrices[:, 1].sum(axis=1)
        return _undefined_without(true, matrices[:, 1, 1] / true)


class MatthewsCorrcoef(ConfusionMetric):
    """Correlation of truth and answer (Matthews 1975; Gorodkin 2004 for many classes); 0 where either is constant."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=CLASSES)

    def from_confusion(self, matrices: Floats) -> Floats:
        """Covariance over the root of both variances."""
        import numpy as np

        rows = matrices.sum(axis=(1, 2))
        true, answered = matrices.sum(axis=2), matrices.sum(axis=1)
        covariance = _diagonal(matrices).sum(axis=1) * rows - (true * answered).sum(axis=1)
        variances = (rows**2 - (true**2).sum(axis=1)) * (rows**2 - (answered**2).sum(axis=1))
        return np.where(variances > 0, covariance / np.sqrt(np.maximum(variances, 1.0)), 0.0)


def _diagonal(matrices: Floats) -> Floats:
    import numpy as np

    return np.asarray(np.diagonal(matrices, axis1=1, axis2=2))


def _undefined_without(rows: Floats, values: Floats) -> Floats:
    import numpy as np

    return np.asarray(np.where(rows > 0, values, np.nan))
