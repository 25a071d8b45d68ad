"""The seeded rows that laws are tried on, as the packed inputs of ``records.packing`` give them to transforms and models."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlconfig.contracts import Fit
from mlconfig.records.columns import WEIGHTLESS_NULL
from mlconfig.records.packing import NO_TIME
from mlconfig.vocabulary import Kind, Task

Array = np.ndarray[Any, Any]
FEATURES = 5
CLASSES: dict[Task, int] = {"binary": 2, "multiclass": 3, "regression": 0}


def training_rows(kind: Kind) -> Array:
    """200 rows of two columns with nulls: float32 (NaN), str objects (``__null__``) or int64 (``NO_TIME``)."""
    rng = np.random.default_rng(7)
    if kind == "categorical":
        return _texts(rng, ["red", "green", "blau", "東京", ""], 200)
    if kind == "timestamp":
        return _with_nulls(rng, rng.integers(-2_000_000_000, 2_000_000_000, (200, 2)), NO_TIME)
    drawn = rng.integers(0, 2, (200, 2)) if kind == "boolean" else rng.normal([3.0, -200.0], [2.0, 50.0], (200, 2))
    return _with_nulls(rng, drawn.astype(np.float32), np.nan)


def later_rows(kind: Kind) -> Array:
    """40 rows of the same columns with what training never had: unseen levels, extremes, nothing but nulls in a row."""
    rng = np.random.default_rng(8)
    if kind == "categorical":
        rows = _texts(rng, ["red", "green", "never seen", "Ω" * 50], 40)
    elif kind == "timestamp":
        rows = _with_nulls(rng, rng.integers(-60_000_000_000, 250_000_000_000, (40, 2)), NO_TIME)
    elif kind == "boolean":
        rows = rng.integers(0, 2, (40, 2)).astype(np.float32)
    else:
        rows = (rng.normal(0.0, 1.0, (40, 2)) * 10.0 ** rng.integers(-3, 5, (40, 2))).astype(np.float32)
    rows[0] = {"categorical": WEIGHTLESS_NULL, "timestamp": NO_TIME}.get(kind, np.nan)
    return rows


def _texts(rng: np.random.Generator, levels: list[str], rows: int) -> Array:
    drawn = np.asarray(levels, dtype=object)[rng.integers(0, len(levels), (rows, 2))]
    return _with_nulls(rng, drawn, WEIGHTLESS_NULL)


def _with_nulls(rng: np.random.Generator, rows: Array, null: Any) -> Array:
    rows[rng.random(rows.shape) < 0.1] = null
    return rows


def frame(rows: Array) -> Any:
    """The rows as a frame, as a pipeline gives them."""
    import pandas as pd

    return pd.DataFrame(
        {f"column {place}": pd.Series(rows[:, place], dtype=rows.dtype) for place in range(rows.shape[1])}
    )


def fit_of(task: Task, *, rows: int = 400, seed: int = 3, validation: bool = False) -> Fit:
    """Standardised rows without nulls and a plain signal in them; with ``validation``, 100 rows of noise are set aside."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    y = _target(inputs, task, rng)
    noise = rng.normal(size=(100, FEATURES)).astype(np.float32)
    return Fit(
        task, inputs, y, n_classes=max(CLASSES[task], 2), random_state=11,
        X_validation=noise if validation else None,
        y_validation=rng.permutation(y)[:100] if validation else None,
        early_stopping_rounds=2 if validation else None,
    )  # fmt: skip


def _target(inputs: Array, task: Task, rng: np.random.Generator) -> Array:
    signal = inputs @ np.array([2.0, -1.5, 1.0, 0.0, 0.0]) + 0.1 * rng.normal(size=len(inputs))
    if task == "regression":
        return np.asarray(signal, np.float64)
    return np.asarray(np.digitize(signal, [0.0] if task == "binary" else [-1.0, 1.0]), np.int64)


def later_inputs() -> Array:
    """60 rows for a fitted model, some of them far outside of what it was trained on."""
    rng = np.random.default_rng(5)
    inputs = rng.normal(size=(60, FEATURES)).astype(np.float32)
    inputs[::10] *= 50.0
    return inputs
