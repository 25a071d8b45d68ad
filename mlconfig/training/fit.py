"""Fits features and model: a pure function of rows, settings and plugin instances."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.contracts.model import Fit, Model
from mlconfig.errors import MlconfigError, TrainingError
from mlconfig.records.packing import Feeds, Packing, Predicted, frame_of, rows_in
from mlconfig.training.target import Target

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rows:
    """Packed rows with their encoded target."""

    feeds: Feeds
    y: Array


@dataclass(frozen=True)
class FitSettings:
    """What a fit needs besides rows and plugins. ``early_stopping_rounds`` null is off."""

    packing: Packing
    target: Target
    early_stopping_rounds: int | None = None
    threads: int = 1
    random_state: int = 0


@dataclass(frozen=True)
class Fitted:
    """Features and model, fitted. ``rounds``: those the model keeps, null where it has none. ``seconds``: how long it took."""

    pipeline: Pipeline
    packing: Packing
    target: Target
    seconds: float
    rounds: int | None = None

    def predict(self, feeds: Feeds) -> Predicted:
        """What scikit-learn answers for packed rows: the reference that the packaged model must follow."""
        frame = frame_of(feeds, self.packing)
        with _quiet():
            if self.target.task == "regression":
                return Predicted(np.asarray(self.pipeline.predict(frame), dtype=np.float64).reshape(-1))
            scores = np.asarray(self.pipeline.predict_proba(frame), dtype=np.float64)
        return Predicted(scores, np.argmax(scores, axis=1).astype(np.int64))


def fit_pipeline(
    preprocessor: Any, model: Model, train: Rows, validation: Rows | None, settings: FitSettings
) -> Fitted:
    """Fit the features on the training rows alone, then the model; validation rows serve early stopping only.

    Args:
        preprocessor: unfitted, as ``features.build_preprocessor`` makes it.
        model: the model plugin's instance.
        train: at least one row, and one of each class.
        validation: null, or no rows, where nothing was set aside.
        settings: the packing, the target and the means.

    Raises:
        TrainingError: a class is missing among the training rows, or the libraries refuse the numbers; it says which and why.
    """
    from sklearn.pipeline import Pipeline

    _check(train, settings.target)
    began = time.perf_counter()
    with _quiet():
        try:
            x_train = preprocessor.fit_transform(frame_of(train.feeds, settings.packing))
            estimator = model.fit(_fit_of(x_train, train.y, _held(preprocessor, validation, settings), settings))
        except MlconfigError:
            raise
        except Exception as error:
            raise _refused(error, model) from error
    pipeline = Pipeline([("features", preprocessor), ("model", estimator)])
    return Fitted(pipeline, settings.packing, settings.target, time.perf_counter() - began, _rounds(estimator))


def _check(train: Rows, target: Target) -> None:
    if rows_in(train.feeds) == 0:
        raise TrainingError("there are no rows to train on", where="data.split")
    missing = [label for code, label in enumerate(target.classes) if not (train.y == code).any()]
    if missing:
        raise TrainingError(
            f"no training row has the label {', '.join(map(repr, missing))}",
            where=f"data.target `{target.name}`",
            hint="split the rows differently (data.split.by=stratified) or use more data",
        )


def _held(preprocessor: Any, validation: Rows | None, settings: FitSettings) -> tuple[Array, Array] | None:
    if validation is None or settings.early_stopping_rounds is None or rows_in(validation.feeds) == 0:
        return None
    return preprocessor.transform(frame_of(validation.feeds, settings.packing)), validation.y


def _fit_of(x: Array, y: Array, held: tuple[Array, Array] | None, settings: FitSettings) -> Fit:
    return Fit(
        task=settings.target.task,
        X=np.asarray(x, dtype=np.float64),  # solvers converge worse in float32; the values are the same
        y=y,
        X_validation=None if held is None else np.asarray(held[0], dtype=np.float64),
        y_validation=None if held is None else held[1],
        early_stopping_rounds=None if held is None else settings.early_stopping_rounds,
        n_classes=len(settings.target.classes) or 1,
        threads=settings.threads,
        random_state=settings.random_state,
    )


def _rounds(estimator: Any) -> int | None:
    """The rounds that the model keeps, by LightGBM's and scikit-learn's boosting's names."""
    best, done = getattr(estimator, "best_iteration_", None), getattr(estimator, "n_estimators_", None)
    rounds = best or done or (getattr(estimator, "n_iter_", None) if hasattr(estimator, "_predictors") else None)
    return int(rounds) if rounds is not None else None


def _refused(error: Exception, model: Model) -> TrainingError:
    text = str(error).split("\n", 1)[0]
    hint = "add `impute` to the transforms of columns with missing values" if "NaN" in text else ""
    return TrainingError(f"{type(error).__name__}: {text}", where=f"fitting {type(model).__name__}", hint=hint)


def _quiet() -> warnings.catch_warnings:
    """LightGBM names its columns itself and scikit-learn then misses the names: no news to a user."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
