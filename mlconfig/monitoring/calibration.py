"""What a score is worth: the true share behind each score bucket, learned on held-out rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.profiles.scores import SCORE_BUCKETS, score_bucket, score_positions

if TYPE_CHECKING:
    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Vector = np.ndarray[Any, Any]

LEAST = 50
"""Held-out rows below which a score is taken at its word."""


def calibrate(scores: Vector, true: Vector, random_state: int = 0) -> Floats:
    """The share of true rows by score bucket [512]: isotonic regression, kept only where it predicts unseen rows better.

    Args:
        scores: probabilities [rows].
        true: whether each row is what the score says (class 1 of two, or a right answer) [rows].
        random_state: divides the rows into the halves that decide.

    Source: Zadrozny, Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002.
    """
    there = ~np.isnan(np.asarray(scores, np.float64))
    bucket, hit = score_bucket(np.asarray(scores)[there]), np.asarray(true)[there].astype(np.float64)
    if len(hit) < LEAST or not _improves(bucket, hit, random_state):
        return score_positions().copy()
    return _isotonic(bucket, hit)


def _improves(bucket: Vector, hit: Vector, random_state: int) -> bool:
    """Whether the curve of one half has a smaller Brier score on the other than the scores themselves."""
    half = np.random.default_rng(random_state).random(len(hit)) < 0.5
    as_said = learned = 0.0
    for fit, judge in ((half, ~half), (~half, half)):
        if not fit.any() or not judge.any():
            return False
        curve = _isotonic(bucket[fit], hit[fit])
        learned += float(((curve[bucket[judge]] - hit[judge]) ** 2).sum())
        as_said += float(((score_positions()[bucket[judge]] - hit[judge]) ** 2).sum())
    return learned < as_said


def _isotonic(bucket: Vector, hit: Vector) -> Floats:
    from scipy.optimize import isotonic_regression

    rows = np.bincount(bucket, minlength=SCORE_BUCKETS).astype(np.float64)
    used = np.flatnonzero(rows)
    share = np.bincount(bucket, hit, SCORE_BUCKETS)[used] / rows[used]
    fitted = isotonic_regression(share, weights=rows[used], increasing=True).x
    return np.asarray(np.interp(np.arange(SCORE_BUCKETS), used, np.clip(fitted, 0.0, 1.0)))
