"""Fit, trial and search, with the real plugins on small rows."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.contracts.catalog import Catalog
from mlconfig.contracts.plugin import Context
from mlconfig.errors import TrainingError
from mlconfig.features.pipeline import build_preprocessor
from mlconfig.records.dataset import FeatureColumn, FeatureTransform, ResolvedFeatures
from mlconfig.records.packing import Packing, pack_table, take_rows
from mlconfig.sections.tuning import Tuning
from mlconfig.training.fit import FitSettings, Rows, fit_pipeline
from mlconfig.training.search import search
from mlconfig.training.target import learn_target
from mlconfig.training.trial import TrialResult, run_trial

CATALOG = Catalog()
MODELS = ["lightgbm", "random_forest", "hist_gradient_boosting", "logistic_regression", "ridge"]
CASES = [
    (task, model)
    for task in ("binary", "multiclass", "regression")
    for model in MODELS
    if task in CATALOG.load("model", model).tags.tasks
]


def plugin(kind, name, **params):
    return CATALOG.create(kind, name, params, Context(random_state=1))


def resolved(*transforms):
    chain = tuple(FeatureTransform(name=name) for name in transforms)
    return ResolvedFeatures(columns=tuple(FeatureColumn(name=name, kind="numeric", transforms=chain) for name in "ab"))


def preprocessor(*transforms):
    make = lambda wanted: plugin("transform", wanted.name, **wanted.params)  # noqa: E731
    return build_preprocessor(resolved(*transforms), make)


def rows_for(task, rows=600, holes=0.0):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(rows, 2))
    raw = 2 * x[:, 0] - x[:, 1] + 0.3 * rng.normal(size=rows)
    y = {"binary": raw > 0, "multiclass": np.digitize(raw, [-1, 1]), "regression": raw}[task]
    x[rng.random(x.shape) < holes] = np.nan
    table = pa.table({"a": x[:, 0], "b": x[:, 1], "y": y})
    target, packing = learn_target(table["y"], "y", task), Packing.of(resolved())
    feeds, y = pack_table(table, packing), target.encode(table["y"])
    parts = [Rows(take_rows(feeds, part), y[part]) for part in (slice(0, 400), slice(400, None))]
    return (*parts, FitSettings(packing, target, early_stopping_rounds=5, random_state=1))


@pytest.mark.parametrize(("task", "name"), CASES)
def test_every_model_learns_and_learns_the_same_again(task, name):
    train, held, settings = rows_for(task)
    first = fit_pipeline(preprocessor("impute"), plugin("model", name), train, held, settings)
    again = fit_pipeline(preprocessor("impute"), plugin("model", name), train, held, settings)
    predicted = first.predict(held.feeds)
    assert np.array_equal(predicted.scores, again.predict(held.feeds).scores)
    if task == "regression":
        assert predicted.labels is None
        assert 1 - np.var(held.y - predicted.scores) / np.var(held.y) > 0.9
    else:
        assert predicted.scores.shape == (200, len(settings.target.classes))
        assert np.allclose(predicted.scores.sum(axis=1), 1)
        assert (predicted.labels == held.y).mean() > 0.85
    assert first.seconds > 0


@pytest.mark.parametrize(("name", "most"), [("lightgbm", 200), ("hist_gradient_boosting", 100)])
def test_models_with_rounds_stop_early_only_when_told_to(name, most):
    train, held, settings = rows_for("binary")
    stopped = fit_pipeline(preprocessor(), plugin("model", name), train, held, settings)
    assert 0 < stopped.rounds < most
    without = FitSettings(settings.packing, settings.target, None)
    assert fit_pipeline(preprocessor(), plugin("model", name), train, held, without).rounds == most
    assert fit_pipeline(preprocessor(), plugin("model", name), train, None, settings).rounds == most


def test_features_are_learned_from_the_training_rows_alone():
    train, held, settings = rows_for("regression")
    moved = Rows({"num": held.feeds["num"] + 1000}, held.y)
    fitted = fit_pipeline(preprocessor("standard_scale"), plugin("model", "ridge"), train, moved, settings)
    (chain,) = fitted.pipeline.named_steps["features"].named_transformers_.values()
    assert np.allclose(chain.steps[0][1].mean_, train.feeds["num"].astype(np.float64).mean(axis=0))


def test_missing_values_that_a_model_cannot_take_are_refused_with_advice():
    train, held, settings = rows_for("binary", holes=0.1)
    with pytest.raises(TrainingError, match=r"fitting LogisticRegression: ValueError: .*NaN") as caught:
        fit_pipeline(preprocessor(), plugin("model", "logistic_regression"), train, held, settings)
    assert "add `impute`" in str(caught.value)


def test_a_class_without_training_rows_is_refused():
    train, held, settings = rows_for("multiclass")
    few = Rows(take_rows(train.feeds, train.y != 2), train.y[train.y != 2])
    with pytest.raises(TrainingError, match=r"no training row has the label 2\n  hint: split the rows differently"):
        fit_pipeline(preprocessor(), plugin("model", "lightgbm"), few, held, settings)
    none = Rows(take_rows(train.feeds, slice(0, 0)), train.y[:0])
    with pytest.raises(TrainingError, match="there are no rows to train on"):
        fit_pipeline(preprocessor(), plugin("model", "lightgbm"), none, held, settings)


@pytest.mark.parametrize(
    ("task", "metric", "sign", "low"),
    [("binary", "roc_auc", -1, 0.9), ("multiclass", "accuracy", -1, 0.8), ("regression", "rmse", 1, 0.0)],
)
def test_a_trials_loss_is_small_for_a_good_score(task, metric, sign, low):
    train, held, settings = rows_for(task)
    result = run_trial(
        preprocessor("impute"), plugin("model", "lightgbm"), train, held, plugin("metric", metric), settings
    )
    assert result.loss == sign * result.score
    assert result.score > low
    assert (result.reason, result.rounds > 0) == ("", True)


def test_a_trial_that_fails_is_a_result_with_its_reason():
    train, held, settings = rows_for("binary", holes=0.1)
    metric = plugin("metric", "accuracy")
    result = run_trial(preprocessor(), plugin("model", "logistic_regression"), train, held, metric, settings)
    assert np.isnan(result.loss)
    assert "NaN" in result.reason
    none = Rows(take_rows(held.feeds, slice(0, 0)), held.y[:0])
    result = run_trial(preprocessor(), plugin("model", "lightgbm"), train, none, metric, settings)
    assert "no validation rows" in result.reason


def searched(space, trials=10, time_limit=None, clock=lambda: 0.0):
    train, held, settings = rows_for("regression", rows=200 + 400)
    tuning = Tuning.model_validate({"space": space, "trials": trials, "time_limit": time_limit})
    metric = plugin("metric", "rmse")

    def run(values):
        model = plugin("model", "ridge", alpha=values["model.params.alpha"])
        return run_trial(preprocessor(*values.get("chain", [])), model, train, held, metric, settings)

    return search(tuning, plugin("searcher", "grid"), run, clock)


def test_a_search_finds_the_best_of_its_trials():
    result = searched({"model.params.alpha": {"choice": [1e6, 1.0, 1e3]}})
    assert [tried.values["model.params.alpha"] for tried in result.tried] == [1e6, 1.0, 1e3]
    assert result.best == {"model.params.alpha": 1.0}
    assert result.loss == min(tried.result.loss for tried in result.tried) < 0.4


def test_a_search_ends_with_its_trials_and_with_its_time():
    space = {"model.params.alpha": {"choice": [3.0, 2.0, 1.0]}}
    assert len(searched(space, trials=2).tried) == 2
    ticks = iter(range(100))
    assert len(searched(space, time_limit=timedelta(seconds=2), clock=lambda: float(next(ticks))).tried) == 2


def test_a_search_without_a_good_trial_says_why():
    tuning = Tuning.model_validate({"space": {"model.params.alpha": {"choice": [1.0]}}})
    failed = lambda _: TrialResult(float("nan"), reason="no luck")  # noqa: E731
    with pytest.raises(TrainingError, match="tuning: none of 1 trials succeeded; the last: no luck"):
        search(tuning, plugin("searcher", "grid"), failed, lambda: 0.0)
