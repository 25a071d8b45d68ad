"""Metrics of probabilities, by scikit-learn's names and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from mlconfig.builtin.metrics_classification import BINARY, CLASSES
from mlconfig.builtin.metrics_resampling import MeanMetric, RankMetric
from mlconfig.contracts.metric import MetricTags

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[Any, Any]
    Floats = np.ndarray[Any, np.dtype[np.float64]]


class RocAuc(RankMetric):
    """Area under the ROC curve; many classes: the mean of one against the rest. Undefined where a class has no row."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=CLASSES, reads="score")

    def score(self, y: Vector, predicted: Vector) -> float:
        """scikit-learn's."""
        import numpy as np
        from sklearn.metrics import roc_auc_score

        classes = 2 if predicted.ndim == 1 else predicted.shape[1]
        if len(np.unique(y)) < classes:
            return float("nan")
        if predicted.ndim == 1:
            return float(roc_auc_score(y, predicted))
        one_hot = y[:, None] == np.arange(classes)
        return float(np.mean([roc_auc_score(one_hot[:, k], predicted[:, k]) for k in range(classes)]))

    def from_ranks(self, positive: Floats, negative: Floats) -> Floats:
        """Share of pairs in the right order, ties half (Mann and Whitney 1947)."""
        import numpy as np

        above = np.cumsum(positive, axis=1) - positive / 2
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        return np.where(pairs > 0, (above * negative).sum(axis=1) / pairs, np.nan)


class AveragePrecision(RankMetric):
    """Mean precision over the positive rows, by falling score; undefined without one."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=BINARY, reads="score")

    def score(self, y: Vector, predicted: Vector) -> float:
        """scikit-learn's."""
        from sklearn.metrics import average_precision_score

        return float(average_precision_score(y, predicted)) if (y == 1).any() else float("nan")

    def from_ranks(self, positive: Floats, negative: Floats) -> Floats:
        """Precision at each distinct score, weighted with its positive rows."""
        import numpy as np

        found = np.cumsum(positive, axis=1)
        precision = found / np.maximum(found + np.cumsum(negative, axis=1), 1.0)
        total = positive.sum(axis=1)
        return np.where(total > 0, (precision * positive).sum(axis=1) / total, np.nan)


class LogLoss(MeanMetric):
    """Mean negative log of the probability given to what came, clipped at float64's epsilon as in scikit-learn."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=CLASSES, reads="score", greater_is_better=False)

    def each(self, y: Vector, predicted: Vector) -> Floats:
        """Minus the log of each row's probability; several probabilities a row are made to sum to 1."""
        import numpy as np

        given = predicted.astype(np.float64)
        if given.ndim == 1:
            given = np.stack([1.0 - given, given], axis=1)
        epsilon = np.finfo(np.float64).eps
        given = np.clip(given / given.sum(axis=1, keepdims=True), epsilon, 1 - epsilon)
        return np.asarray(-np.log(given[np.arange(len(y)), y.astype(np.int64)]))


class BrierScoreLoss(MeanMetric):
    """Mean squared error of the probability (Brier 1950)."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=BINARY, reads="score", greater_is_better=False)

    def each(self, y: Vector, predicted: Vector) -> Floats:
        """Squared error of each row."""
        import numpy as np

        return np.asarray((predicted.astype(np.float64) - (y == 1)) ** 2)
