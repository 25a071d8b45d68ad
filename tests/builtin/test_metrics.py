"""Each metric is scikit-learn's, and a thousand resamples at once give what each gives alone."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mlconfig.builtin import metrics_classification as c
from mlconfig.builtin import metrics_probability as p
from mlconfig.builtin import metrics_regression as r
from mlconfig.contracts.bootstrap import draws
from mlconfig.contracts.catalog import Catalog

CLASS = {
    c.Accuracy: sk.accuracy_score,
    c.BalancedAccuracy: sk.balanced_accuracy_score,
    c.F1Macro: lambda y, a: sk.f1_score(y, a, average="macro", zero_division=0),
    c.MatthewsCorrcoef: sk.matthews_corrcoef,
}
POSITIVE = {
    c.F1: lambda y, a: sk.f1_score(y, a, zero_division=0),
    c.Precision: lambda y, a: sk.precision_score(y, a, zero_division=0),
    c.Recall: lambda y, a: sk.recall_score(y, a, zero_division=0),
}
SCORE = {
    p.RocAuc: sk.roc_auc_score,
    p.AveragePrecision: sk.average_precision_score,
    p.LogLoss: sk.log_loss,
    p.BrierScoreLoss: sk.brier_score_loss,
}
VALUE = {
    r.Rmse: sk.root_mean_squared_error,
    r.MeanSquaredError: sk.mean_squared_error,
    r.MeanAbsoluteError: sk.mean_absolute_error,
    r.MedianAbsoluteError: sk.median_absolute_error,
    r.R2: sk.r2_score,
}


def made(metric, seed, n=200, classes=2):
    rng = np.random.default_rng(seed)
    if metric in VALUE:
        y = rng.normal(100, 3, n)
        return y, y + rng.normal(0, 2, n)
    y = rng.integers(0, classes, n)
    if metric in SCORE:
        return y, np.round(np.clip(0.3 * y + rng.random(n) * 0.7, 0, 1), 2)
    return y, np.where(rng.random(n) < 0.7, y, rng.integers(0, classes, n))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
@pytest.mark.parametrize("metric", [*CLASS, *POSITIVE, *SCORE, *VALUE])
def test_a_metric_is_scikit_learns(metric, seed):
    y, predicted = made(metric, seed)
    expected = {**CLASS, **POSITIVE, **SCORE, **VALUE}[metric](y, predicted)
    assert metric().score(y, predicted) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("metric", CLASS)
def test_many_classes(metric):
    y, predicted = made(metric, 3, classes=5)
    assert metric().score(y, predicted) == pytest.approx(CLASS[metric](y, predicted))


def test_many_probabilities():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    given_ = rng.random((300, 3)) + 2 * (y[:, None] == np.arange(3))
    given_ /= given_.sum(axis=1, keepdims=True)
    assert p.RocAuc().score(y, given_) == pytest.approx(sk.roc_auc_score(y, given_, multi_class="ovr"))
    assert p.LogLoss().score(y, given_) == pytest.approx(sk.log_loss(y, given_))


@pytest.mark.parametrize(
    ("metric", "classes"), [(m, 2) for m in (*CLASS, *POSITIVE, *SCORE, *VALUE)] + [(m, 4) for m in CLASS]
)
def test_resamples_at_once_are_resamples_one_by_one(metric, classes):
    y, predicted = made(metric, 7, n=60, classes=classes)
    (counts,) = draws(60, 50, 0)
    one_by_one = []
    for drawn in counts:
        rows = np.repeat(np.arange(60), drawn.astype(int))
        one_by_one.append(metric().score(y[rows], predicted[rows]))
    assert metric().resampled(y, predicted, counts) == pytest.approx(np.array(one_by_one), nan_ok=True)


@pytest.mark.parametrize("metric", [c.F1, c.Recall, p.RocAuc, p.AveragePrecision])
def test_undefined_without_a_positive_row_is_nan(metric):
    y = np.zeros(10, int)
    counts = np.ones((1, 10))
    assert np.isnan(metric().score(y, np.linspace(0, 1, 10).round() if metric in POSITIVE else np.linspace(0, 1, 10)))
    assert np.isnan(metric().resampled(y, np.linspace(0, 1, 10).round(), counts)).all()


def test_every_metric_of_the_catalog_is_tested_here():
    catalog = Catalog()
    ours = {
        catalog.load("metric", listing.name) for listing in catalog.list("metric") if listing.distribution == "mlconfig"
    }
    assert ours == {*CLASS, *POSITIVE, *SCORE, *VALUE}


def test_no_built_in_loads_a_heavy_library_when_imported():
    code = """
import sys
from mlconfig.contracts.catalog import Catalog
catalog = Catalog()
for kind in ("metric", "searcher", "detector", "trigger", "sink"):
    for listing in catalog.list(kind):
        if listing.distribution == "mlconfig":
            catalog.load(kind, listing.name)
print([name for name in ("sklearn", "scipy", "httpx", "croniter", "tenacity", "pandas") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"
