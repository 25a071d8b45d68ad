"""One trial of a search: fit on the training rows, score on the validation rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlconfig.contracts.metric import Metric
from mlconfig.contracts.model import Model
from mlconfig.errors import MlconfigError, TrainingError
from mlconfig.records.packing import Predicted, rows_in
from mlconfig.training.fit import FitSettings, Rows, fit_pipeline
from mlconfig.vocabulary import Task

NAN = float("nan")


@dataclass(frozen=True)
class TrialResult:
    """``loss``: smaller is better, NaN for a failed trial, whose ``reason`` says why. ``score``: the metric as it is."""

    loss: float
    score: float = NAN
    reason: str = ""
    seconds: float = 0.0
    rounds: int | None = None


def run_trial(
    preprocessor: Any, model: Model, train: Rows, validation: Rows, metric: Metric, settings: FitSettings
) -> TrialResult:
    """Fit and score once. A trial that fails is a result, so that a search goes on; a bug still raises."""
    try:
        if rows_in(validation.feeds) == 0:
            raise TrainingError("there are no validation rows to score on", where="data.split.validation_fraction")
        fitted = fit_pipeline(preprocessor, model, train, validation, settings)
        score = score_of(metric, validation.y, fitted.predict(validation.feeds), settings.target.task)
    except MlconfigError as error:
        return TrialResult(NAN, reason=str(error))
    reason = "" if np.isfinite(score) else "the metric is undefined on the validation rows"
    return TrialResult(loss_of(metric, score), score, reason, fitted.seconds, fitted.rounds)


def score_of(metric: Metric, y: np.ndarray[Any, Any], predicted: Predicted, task: Task) -> float:
    """The metric on what it reads: labels or values, or probabilities (of the positive class alone where there are two)."""
    if metric.tags.reads == "score" and task != "regression":
        return float(metric.score(y, predicted.scores[:, 1] if task == "binary" else predicted.scores))
    return float(metric.score(y, predicted.scores if predicted.labels is None else predicted.labels))


def loss_of(metric: Metric, score: float) -> float:
    """What a search makes small."""
    return -score if metric.tags.greater_is_better else score
