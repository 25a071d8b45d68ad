"""How near estimates without labels come to the truth, where the truth of a row does not change and where it does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from mlconfig.builtin.detector_cbpe import Cbpe
from mlconfig.builtin.detector_dle import Dle
from mlconfig.builtin.detector_performance import Performance
from mlconfig.builtin.metrics_classification import F1, Accuracy
from mlconfig.builtin.metrics_probability import RocAuc
from mlconfig.contracts.detector import Evidence, LabelEvidence, ScoreEvidence
from mlconfig.contracts.metric import Metric
from mlconfig.monitoring.calibration import calibrate
from mlconfig.profiles.profile import Profile, fit_layout, profile_of
from mlconfig.profiles.scores import count_scores
from mlconfig.records.columns import LABEL_VALUE, PREDICTION_VALUE
from mlconfig.vocabulary import Task

Array = np.ndarray[Any, Any]

TRAINING, HOLDOUT = 20_000, 10_000
COLUMNS = 4
ALPHA = 3e-5
METRICS: dict[str, Metric] = {
    "accuracy": Accuracy(params=Accuracy.Params()),
    "roc_auc": RocAuc(params=RocAuc.Params()),
    "f1": F1(params=F1.Params()),
}
_TREES = {"num_leaves": 15, "learning_rate": 0.1, "num_threads": 1, "verbose": -1, "deterministic": True, "seed": 0}


def rows_of(rng: np.random.Generator, count: int, shift: float) -> Array:
    """Normal columns; the first two moved by ``shift`` standard deviations."""
    x = rng.standard_normal((count, COLUMNS))
    x[:, :2] += shift
    return x


def chances(x: Array, classes: int) -> Array:
    """Of the classes, given the columns [rows, classes]: what is true of a row, whatever rows there are."""
    heights = [1.2 * x[:, 0] + np.sin(2 * x[:, 1]), x[:, 2] * x[:, 1] + 0.4, 0.8 * x[:, 3] - 0.5 * x[:, 0]]
    if classes == 2:
        positive = 1.0 / (1.0 + np.exp(-(heights[0] + 0.7 * heights[1] - 0.6)))
        return np.stack([1.0 - positive, positive], axis=1)
    e = np.exp(1.3 * np.stack(heights, axis=1))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Answers:
    """Answers to some rows: class codes, the score that is logged, the truth [rows]."""

    predicted: Array
    score: Array
    y: Array


@dataclass(frozen=True)
class Classifier:
    """A fitted model, its held-out answers and what its scores are worth."""

    model: Any
    classes: int
    held_out: Answers
    calibration: Array

    def answers(self, rng: np.random.Generator, count: int, shift: float, flipped: float = 0.0) -> Answers:
        """To rows that moved by ``shift``; of ``flipped`` of them something else is true than was learned."""
        return _answers(self.model, self.classes, rng, count, shift, flipped)


def _answers(model: Any, classes: int, rng: np.random.Generator, count: int, shift: float, flipped: float) -> Answers:
    x = rows_of(rng, count, shift)
    y = _draw(rng, chances(x, classes))
    wrong = rng.random(count) < flipped
    y[wrong] = (y[wrong] + 1) % classes
    said = np.asarray(model.predict(x))
    if classes == 2:
        return Answers((said >= 0.5).astype(np.int64), said, y)
    return Answers(said.argmax(axis=1), said.max(axis=1), y)


def _draw(rng: np.random.Generator, shares: Array) -> Array:
    return np.asarray(
        (rng.random((len(shares), 1)) > np.cumsum(shares, axis=1)).sum(axis=1).clip(0, shares.shape[1] - 1)
    )


@cache
def classifier(classes: int, seed: int) -> Classifier:
    """LightGBM on rows of the reference."""
    import lightgbm

    rng = np.random.default_rng([classes, seed])
    x = rows_of(rng, TRAINING, 0.0)
    y = _draw(rng, chances(x, classes))
    objective = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    model = lightgbm.train({**_TREES, **objective}, lightgbm.Dataset(x, y), 80)
    held_out = _answers(model, classes, rng, HOLDOUT, 0.0, 0.0)
    hit = held_out.y == 1 if classes == 2 else held_out.y == held_out.predicted
    return Classifier(model, classes, held_out, calibrate(held_out.score, hit))


@dataclass(frozen=True)
class Estimate:
    """An estimate of a metric, the truth by all labels, and whether each signal votes."""

    estimated: float
    true: float
    estimate_alarms: bool
    labels_alarm: bool

    @property
    def error(self) -> float:
        """Absolute."""
        return abs(self.estimated - self.true)


def estimate(
    classes: int, metric_name: str, shift: float, *, rows: int = 50_000, flipped: float = 0.0, seed: int = 1
) -> Estimate:
    """Estimate a window's metric from its scores, and measure it by its labels."""
    made, metric = classifier(classes, seed), METRICS[metric_name]
    now = made.answers(np.random.default_rng(1000 + seed), rows, shift, flipped)
    task: Task = "binary" if classes == 2 else "multiclass"
    scores = ScoreEvidence(
        task,
        count_scores(classes, made.held_out.predicted, made.held_out.score),
        count_scores(classes, now.predicted, now.score),
        made.calibration,
        metric,
        metric_name,
    )
    read = "score" if metric.tags.reads == "score" else "predicted"
    reference = metric.score(made.held_out.y, getattr(made.held_out, read))
    score = now.score if classes == 2 else None
    labels = LabelEvidence(task, metric, reference, now.y, now.predicted, score, 1.0, metric_name)
    evidence = Evidence(_nothing(), _nothing(), (), ALPHA, scores=scores, labels=labels, metric_name=metric_name)
    estimated, measured = Cbpe(Cbpe.Params()).check(evidence)[0], Performance(Performance.Params()).check(evidence)[0]
    return Estimate(estimated.details["value"], measured.details["value"], estimated.is_drift, measured.is_drift)


@cache
def _nothing() -> Profile:
    rows = {"x": np.zeros(1)}
    return profile_of(fit_layout(rows, {"x": "numeric"}), rows)


def estimate_error(shift: float, *, rows: int = 5000, seed: int = 1) -> Estimate:
    """The RMSE of a regression whose noise depends on the row, estimated and true."""
    import lightgbm

    rng = np.random.default_rng(seed)
    x, y = _regression(rng, TRAINING, 0.0)
    model = lightgbm.train({**_TREES, "objective": "regression"}, lightgbm.Dataset(x, y), 80)
    tables = [_table(model, *_regression(rng, count, moved)) for count, moved in ((rows, 0.0), (rows, shift))]
    names = tuple(f"x{i}" for i in range(COLUMNS))
    layout = fit_layout(tables[0].select(names), dict.fromkeys(names, "numeric"))
    profiles = [profile_of(layout, table.select(names)) for table in tables]
    evidence = Evidence(*profiles, names, ALPHA, rows=tables[1], holdout=tables[0], metric_name="rmse")
    (found,) = Dle(Dle.Params()).check(evidence)
    missed = tables[1].column(LABEL_VALUE).to_numpy() - tables[1].column(PREDICTION_VALUE).to_numpy()
    true = float(np.sqrt(np.mean(missed**2)))
    return Estimate(found.details["value"], true, found.is_drift, labels_alarm=False)


def _regression(rng: np.random.Generator, count: int, shift: float) -> tuple[Array, Array]:
    x = rows_of(rng, count, shift)
    noise = 0.3 + 0.7 / (1.0 + np.exp(-2 * x[:, 0]))
    return x, 2 * x[:, 0] + np.sin(2 * x[:, 1]) + x[:, 2] * x[:, 3] + noise * rng.standard_normal(count)


def _table(model: Any, x: Array, y: Array) -> pa.Table:
    columns = {f"x{i}": x[:, i] for i in range(COLUMNS)}
    return pa.table({**columns, PREDICTION_VALUE: np.asarray(model.predict(x)), LABEL_VALUE: y})
