"""Small boosted trees by LightGBM, cross-fitted: what each row is predicted by trees that never saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mlconfig.profiles.histogram import Floats

_SETTINGS: dict[str, Any] = {
    "learning_rate": 0.1, "num_leaves": 8, "min_data_in_leaf": 20, "max_bin": 63, "num_threads": 1, "deterministic": True,
    "force_row_wise": True, "verbose": -1,
}  # fmt: skip
ROUNDS = 40


@dataclass(frozen=True)
class CrossFit:
    """``predicted``: of each row by trees that have not seen it; ``fold``: of each row [rows]; ``gain``: shares by column."""

    predicted: Floats
    fold: np.ndarray[Any, np.dtype[np.int64]]
    gain: Floats
    models: tuple[Any, ...]

    def predict(self, rows: Floats) -> Floats:
        """Of new rows, the mean over the folds' trees [rows]."""
        return np.asarray(np.mean([model.predict(rows) for model in self.models], axis=0))


def cross_fit(
    rows: Floats, y: Floats, objective: Literal["binary", "regression"], *, folds: int, random_state: int,
    categorical: Sequence[int] = (),
) -> CrossFit:  # fmt: skip
    """Fit ``folds`` times on the other folds, in one thread and seeded, so that the same rows give the same.

    Args:
        rows: [rows, columns], null is NaN.
        y: 0 and 1, or values [rows].
        objective: LightGBM's.
        folds: how many; rows are dealt out at random, those of each class evenly where ``y`` is of classes.
        random_state: of dealing.
        categorical: places of columns that hold codes.
    """
    import lightgbm

    settings = {**_SETTINGS, "objective": objective, "seed": random_state}
    data = lightgbm.Dataset(rows, y, categorical_feature=list(categorical), params=settings, free_raw_data=False)
    fold = _deal(y if objective == "binary" else np.zeros(len(y)), folds, random_state)
    predicted, gain, models = np.empty(len(y)), np.zeros(rows.shape[1]), []
    for held in range(folds):
        model = lightgbm.train(settings, data.subset(np.flatnonzero(fold != held)), ROUNDS)
        predicted[fold == held] = model.predict(rows[fold == held])
        gain += model.feature_importance("gain")
        models.append(model)
    return CrossFit(predicted, fold, gain / max(gain.sum(), 1e-300), tuple(models))


def _deal(classes: Floats, folds: int, random_state: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    fold = np.empty(len(classes), np.int64)
    rng = np.random.default_rng(random_state)
    for each in np.unique(classes):
        places = rng.permutation(np.flatnonzero(classes == each))
        fold[places] = np.arange(len(places)) % folds
    return fold
