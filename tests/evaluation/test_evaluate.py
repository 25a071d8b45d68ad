"""Values, their intervals, and a candidate beside the champion."""

import time

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from mlconfig.builtin.metrics_classification import Accuracy
from mlconfig.builtin.metrics_probability import LogLoss, RocAuc
from mlconfig.builtin.metrics_regression import Rmse
from mlconfig.evaluation.compare import Answers, compare_paired
from mlconfig.evaluation.evaluate import evaluate
from mlconfig.sections.evaluation import Interval

INTERVAL = Interval()


def answers(n, noise, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    score = 1 / (1 + np.exp(-(2 * y - 1 + noise * rng.normal(size=n))))
    return y, Answers((score > 0.5).astype(int), score)


def test_values_are_scikit_learns_and_lie_in_their_interval():
    y, given = answers(1000, 1.0)
    found = evaluate(y, given.predicted, given.score, {"accuracy": Accuracy(), "roc_auc": RocAuc()}, INTERVAL, 0)
    assert found["accuracy"].value == accuracy_score(y, given.predicted)
    assert found["roc_auc"].value == roc_auc_score(y, given.score)
    assert all(value.low < value.value < value.high and value.rows == 1000 for value in found.values())


def test_the_interval_is_seeded_and_about_as_wide_as_theory_says():
    y, given = answers(2000, 1.0)
    metrics = {"accuracy": Accuracy()}
    first, again, other = (
        evaluate(y, given.predicted, None, metrics, INTERVAL, seed)["accuracy"] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    theory = 2 * 1.96 * np.sqrt(first.value * (1 - first.value) / 2000)
    assert first.high - first.low == pytest.approx(theory, rel=0.1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    truth = np.mean(answers(200_000, 1.0, 99)[0] == answers(200_000, 1.0, 99)[1].predicted)
    covered = 0
    for seed in range(200):
        y, given = answers(300, 1.0, seed)
        value = evaluate(y, given.predicted, None, {"a": Accuracy()}, Interval(resamples=200), seed)["a"]
        covered += value.low <= truth <= value.high
    assert 178 <= covered <= 199


def test_a_metric_that_is_undefined_is_left_out():
    metrics = {"roc_auc": RocAuc(), "accuracy": Accuracy()}
    y = np.ones(50, int)
    assert list(evaluate(y, y, np.full(50, 0.9), metrics, INTERVAL, 0)) == ["accuracy"]
    assert list(evaluate(y, y, None, metrics, INTERVAL, 0)) == ["accuracy"]
    assert evaluate(y[:0], y[:0], None, metrics, INTERVAL, 0) == {}


def test_a_thousand_resamples_of_three_metrics_are_quick():
    y, given = answers(3000, 1.0)
    metrics = {"accuracy": Accuracy(), "roc_auc": RocAuc(), "log_loss": LogLoss()}
    start = time.perf_counter()
    evaluate(y, given.predicted, given.score, metrics, INTERVAL, 0)
    assert time.perf_counter() - start < 3.0


def test_pairing_shows_what_two_intervals_apart_cannot():
    y, better = answers(1000, 1.0)
    flipped = np.where(np.arange(1000) % 40 == 0, 1 - y, better.predicted)
    metrics = {"accuracy": Accuracy()}
    paired = compare_paired(y, better, Answers(flipped), metrics, INTERVAL, 0)["accuracy"]
    apart = [
        evaluate(y, predicted, None, metrics, INTERVAL, 0)["accuracy"] for predicted in (better.predicted, flipped)
    ]
    assert paired.low > 0
    assert apart[1].high > apart[0].low
    assert paired.better_by == pytest.approx(apart[0].value - apart[1].value)
    assert paired.champion == apart[1].value


def test_smaller_errors_are_better():
    y = np.random.default_rng(0).normal(size=500)
    near, far = Answers(y + 0.1), Answers(y + 0.2)
    assert compare_paired(y, near, far, {"rmse": Rmse()}, INTERVAL, 0)["rmse"].better_by == pytest.approx(0.1)
    assert compare_paired(y, far, near, {"rmse": Rmse()}, INTERVAL, 0)["rmse"].high < 0


def test_equal_answers_differ_by_exactly_nothing():
    y, given = answers(200, 1.0)
    same = compare_paired(y, given, given, {"roc_auc": RocAuc()}, INTERVAL, 0)["roc_auc"]
    assert (same.better_by, same.low, same.high) == (0.0, 0.0, 0.0)
