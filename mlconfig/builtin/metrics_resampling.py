"""Metrics over many resamples at once: those that are a mean, follow from a confusion matrix, or from ranks."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from mlconfig.contracts.metric import Metric

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[Any, Any]
    Floats = np.ndarray[Any, np.dtype[np.float64]]


class MeanMetric(Metric):
    """A metric that is a function of the mean of one figure a row."""

    @abstractmethod
    def each(self, y: Vector, predicted: Vector) -> Floats:
        """The figure of each row [rows]."""

    def finish(self, means: Floats) -> Floats:
        """The metric from the mean."""
        return means

    def score(self, y: Vector, predicted: Vector) -> float:
        """NaN without rows."""
        return float(self.finish(self.each(y, predicted).mean())) if len(y) else float("nan")

    def resampled(self, y: Vector, predicted: Vector, counts: Floats) -> Floats:
        """One matrix product."""
        return self.finish(counts @ self.each(y, predicted) / len(y))


class ConfusionMetric(Metric):
    """A metric that follows from the confusion matrix."""

    @abstractmethod
    def from_confusion(self, matrices: Floats) -> Floats:
        """``matrices``: rows by truth and prediction [resamples, classes, classes]; the metric of each [resamples]."""

    def score(self, y: Vector, predicted: Vector) -> float:
        """NaN without rows."""
        import numpy as np

        return float(self.resampled(y, predicted, np.ones((1, len(y))))[0]) if len(y) else float("nan")

    def resampled(self, y: Vector, predicted: Vector, counts: Floats) -> Floats:
        """A weighted count of the pairs a resample."""
        import numpy as np

        truth, answer = y.astype(np.int64), predicted.astype(np.int64)
        classes = max(2, int(max(truth.max(), answer.max())) + 1)
        pairs = truth * classes + answer
        counted = [np.bincount(pairs, drawn, classes * classes) for drawn in counts]
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.from_confusion(np.reshape(counted, (len(counts), classes, classes)))


class RankMetric(Metric):
    """A metric of a binary task that follows from the order of the scores."""

    @abstractmethod
    def from_ranks(self, positive: Floats, negative: Floats) -> Floats:
        """Rows of each truth at each distinct score, highest first [resamples, scores]; the metric of each [resamples]."""

    def resampled(self, y: Vector, predicted: Vector, counts: Floats) -> Floats:
        """Sorts once for all resamples; multiclass probabilities go the long way."""
        import numpy as np

        if predicted.ndim != 1:
            return super().resampled(y, predicted, counts)
        order = np.argsort(-predicted, kind="stable")
        ranked = predicted[order]
        first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        drawn, truth = counts[:, order], y[order] == 1
        positive = np.add.reduceat(drawn * truth, first, axis=1)
        negative = np.add.reduceat(drawn * ~truth, first, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.from_ranks(positive, negative)
