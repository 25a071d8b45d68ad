"""What is read off a classifier's answers as counts: how sure it was, and how often it was probably right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mlconfig.profiles.histogram import Counts, Floats
from mlconfig.profiles.scores import score_positions


@dataclass(frozen=True)
class Mean:
    """A mean of so many rows and the variance of one."""

    value: float
    variance: float
    rows: int


def confidence_table(classes: int) -> Floats:
    """How probable the answer was, in the model's own words, by predicted class and score bucket [classes, 512]."""
    positions = score_positions()
    return np.tile(np.maximum(positions, 1.0 - positions) if classes == 2 else positions, (classes, 1))


def right_table(classes: int, calibration: Floats) -> Floats:
    """How often the answer is right among held-out rows, by predicted class and score bucket [classes, 512].

    ``calibration``: as ``ScoreEvidence`` has it [512].
    """
    return np.stack([1.0 - calibration, calibration]) if classes == 2 else np.tile(calibration, (classes, 1))


def mean_of(counts: Counts, table: Floats) -> Mean:
    """Of a figure that a row has by predicted class and score bucket; ``counts`` and ``table`` are [classes, 512]."""
    rows = int(counts.sum())
    mean = float((counts * table).sum()) / rows
    return Mean(mean, max(0.0, float((counts * (table - mean) ** 2).sum()) / rows), rows)


def drop_error(before: Mean, now: Mean) -> float:
    """The standard error of the difference of two means. A window varies no less than so many of the reference's rows do:
    few rows that happen to be alike prove nothing.
    """
    return math.sqrt(before.variance / before.rows + max(before.variance, now.variance) / now.rows)
