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
