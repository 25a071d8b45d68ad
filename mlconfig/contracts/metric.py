"""``metric``: how good predictions are."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mlconfig.contracts.plugin import ALL_TASKS, Plugin, Tags
from mlconfig.vocabulary import Task

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class MetricTags(Tags):
    """``reads``: the predicted label or value (``prediction``), or the probabilities (``score``)."""

    tasks: frozenset[Task] = ALL_TASKS
    greater_is_better: bool = True
    reads: Literal["prediction", "score"] = "prediction"


class Metric(Plugin):
    """A number for predictions against truth."""

    tags: ClassVar[MetricTags] = MetricTags()

    @abstractmethod
    def score(self, y: np.ndarray[Any, Any], predicted: np.ndarray[Any, Any]) -> float:
        """``y``: class codes or float64 [rows]. ``predicted``: codes or values [rows]; with ``reads: score`` probabilities,
        [rows] of the positive class for a binary task, [rows, classes] for a multiclass one. NaN when undefined.
        """

    def resampled(
        self, y: np.ndarray[Any, Any], predicted: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        """The metric over bootstrap resamples [resamples]; equal to ``score`` on the drawn rows.

        ``counts``: how often each row was drawn, whole numbers as float64 [resamples, rows]. A metric that is a mean or follows
        from counts overrides this, because a thousand resamples are a matrix product then.
        """
        import numpy as np

        draws = (np.repeat(np.arange(len(y)), drawn.astype(np.int64)) for drawn in counts)
        return np.array([self.score(y[rows], predicted[rows]) for rows in draws], np.float64)
