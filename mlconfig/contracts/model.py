"""``model``: what is fitted."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from mlconfig.contracts.plugin import ALL_TASKS, Plugin, Tags
from mlconfig.vocabulary import Task

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ModelTags(Tags):
    """Abilities of a model: its tasks, probabilities, ONNX, early stopping by rounds."""

    tasks: frozenset[Task] = ALL_TASKS
    predicts_proba: bool = True
    exports_onnx: bool = True
    has_rounds: bool = False


@dataclass(frozen=True)
class Fit:
    """What a model is fitted on. ``X``: float64 or float32 [rows, features]; ``y``: [rows], class codes 0…k−1 or float64.

    ``X_validation`` and ``y_validation`` are null where nothing was set aside; ``early_stopping_rounds`` null is off.
    """

    task: Task
    X: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    X_validation: np.ndarray[Any, Any] | None = None
    y_validation: np.ndarray[Any, Any] | None = None
    early_stopping_rounds: int | None = None
    n_classes: int = 2
    threads: int = 1
    random_state: int = 0


class Model(Plugin):
    """Fits an estimator with scikit-learn's API (``predict``, and ``predict_proba`` for classes)."""

    tags: ClassVar[ModelTags] = ModelTags()

    @abstractmethod
    def fit(self, fit: Fit) -> Any:
        """The fitted estimator. Deterministic for the same ``Fit`` and params."""

    def register_onnx(self) -> None:
        """Register the estimator's converter with skl2onnx; nothing to do for scikit-learn's."""
        return
