"""Laws of a model: deterministic, learns, answers in the shape of its task, and the same in ONNX."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np

from mlconfig.contracts import Context, Model, Packed
from mlconfig.contracts.catalog import Catalog
from mlconfig.testing.law import Law, demand
from mlconfig.testing.samples import CLASSES, FEATURES, fit_of, later_inputs
from mlconfig.vocabulary import Task

Array = np.ndarray[Any, Any]


def laws_for(plugin: Model) -> list[Law]:
    """All of them; probabilities, rounds and parity where the tags promise them."""
    laws: list[Law] = [
        it_handles_its_tasks, it_learns_a_plain_signal, same_fit_same_model, it_leaves_its_data_alone,
        fitted_it_can_be_pickled, it_takes_validation_rows,
    ]  # fmt: skip
    laws += [probabilities_are_probabilities] if plugin.tags.predicts_proba else []
    laws += [with_rounds_it_stops_early] if plugin.tags.has_rounds else []
    return [*laws, its_onnx_graph_answers_the_same] if plugin.tags.exports_onnx else laws


def _tasks(plugin: Model) -> list[Task]:
    return sorted(plugin.tags.tasks)


def _answers(estimator: Any, task: Task, inputs: Array) -> Array:
    """Probabilities where there are some, else what is predicted."""
    proba = task != "regression" and hasattr(estimator, "predict_proba")
    return np.asarray(estimator.predict_proba(inputs) if proba else estimator.predict(inputs))


def it_handles_its_tasks(plugin: Model) -> None:
    """For each task of its tags it gives one answer a row, far outside of what it saw too: class codes, or finite values."""
    demand(plugin.tags.tasks, "no task at all", "declare `tasks` in the tags")
    for task in _tasks(plugin):
        estimator = plugin.fit(fit_of(task))
        for inputs in (later_inputs(), later_inputs()[:1]):
            predicted = np.asarray(estimator.predict(inputs))
            demand(
                predicted.shape == (len(inputs),),
                f"{task}: {inputs.shape} gave {predicted.shape}",
                "predict() gives one answer a row",
            )
            good = np.isfinite(predicted) if task == "regression" else np.isin(predicted, range(CLASSES[task]))
            demand(
                good.all(),
                f"{task}: answers such as {predicted[~good][:3]}",
                "answer with class codes 0…k−1, or finite values",
            )


def it_learns_a_plain_signal(plugin: Model) -> None:
    """It learns a plain signal in 400 rows: better than the commonest class, or the mean."""
    for task in _tasks(plugin):
        estimator, test = plugin.fit(fit_of(task)), fit_of(task, seed=4)
        predicted = np.asarray(estimator.predict(test.X))
        if task == "regression":
            gain = 1.0 - float(np.mean((predicted - test.y) ** 2) / np.var(test.y))
        else:
            gain = float(np.mean(predicted == test.y)) - float(np.bincount(test.y).max() / len(test.y))
        demand(
            gain > 0.1,
            f"{task}: {gain:+.3f} beside always answering the same",
            "fit on X and y; with such params it learns nothing",
        )


def same_fit_same_model(plugin: Model) -> None:
    """The same ``Fit`` and params give the same model, and so do they on another instance."""
    for task in _tasks(plugin):
        first = plugin.fit(fit_of(task))
        second = type(plugin)(plugin.params, plugin.context).fit(fit_of(task))
        same = np.array_equal(_answers(first, task, later_inputs()), _answers(second, task, later_inputs()))
        demand(
            same,
            f"{task}: two fits answer differently",
            "seed the estimator with `fit.random_state`, and fix thread order",
        )


def it_leaves_its_data_alone(plugin: Model) -> None:
    """Fitting and predicting alter none of the rows."""
    for task in _tasks(plugin):
        fit, inputs = fit_of(task, validation=True), later_inputs()
        plugin.fit(fit).predict(inputs)
        wanted = fit_of(task, validation=True)
        pairs = [(fit.X, wanted.X), (fit.y, wanted.y), (inputs, later_inputs())]
        pairs += [(np.asarray(fit.X_validation), np.asarray(wanted.X_validation))]
        demand(all(np.array_equal(a, b) for a, b in pairs), f"{task}: X or y was altered", "fit on a copy")


def fitted_it_can_be_pickled(plugin: Model) -> None:
    """A fitted estimator can be pickled and answers the same afterwards."""
    for task in _tasks(plugin):
        estimator = plugin.fit(fit_of(task))
        back = pickle.loads(pickle.dumps(estimator))  # noqa: S301 — made here
        same = np.array_equal(_answers(estimator, task, later_inputs()), _answers(back, task, later_inputs()))
        demand(
            same, f"{task}: other answers after pickling", "keep all learned state in attributes that can be pickled"
        )


def it_takes_validation_rows(plugin: Model) -> None:
    """Rows set aside for early stopping are taken by every model, also by one that has no use for them."""
    for task in _tasks(plugin):
        predicted = np.asarray(plugin.fit(fit_of(task, validation=True)).predict(later_inputs()))
        demand(
            len(predicted) == len(later_inputs()),
            f"{task}: {len(predicted)} answers",
            "pass over X_validation where unused",
        )


def probabilities_are_probabilities(plugin: Model) -> None:
    """``predict_proba`` gives [rows, n_classes] between 0 and 1 that sum to 1, and the likeliest class is the one predicted."""
    for task in [task for task in _tasks(plugin) if task != "regression"]:
        estimator, inputs = plugin.fit(fit_of(task)), later_inputs()
        given = np.asarray(estimator.predict_proba(inputs))
        shape = (len(inputs), CLASSES[task])
        demand(
            given.shape == shape,
            f"{task}: {given.shape}, not {shape}",
            "give one column a class, in the order of the codes",
        )
        off = float(np.abs(given.sum(axis=1) - 1.0).max())
        demand(
            off < 1e-5 and given.min() >= 0,
            f"{task}: sums are off by {off:.2g}, least {given.min():.2g}",
            "normalise the rows",
        )
        agree = np.asarray(estimator.predict(inputs)) == given.argmax(axis=1)
        demand(agree.all(), f"{task}: predict() differs in {int((~agree).sum())} rows", "predict the likeliest class")


def with_rounds_it_stops_early(plugin: Model) -> None:
    """With ``has_rounds`` it stops where validation rows get no better: here they are noise, so it stops nearly at once."""
    for task in _tasks(plugin):
        fit = fit_of(task, validation=True)
        stopped, full = plugin.fit(fit), plugin.fit(replace(fit, early_stopping_rounds=None))
        same = np.array_equal(_answers(stopped, task, later_inputs()), _answers(full, task, later_inputs()))
        demand(not same, f"{task}: the same model as without early stopping", "stop after `fit.early_stopping_rounds` rounds "
               "without gain on X_validation (and check it with 20 rounds or more); or declare `has_rounds=False`")  # fmt: skip


def its_onnx_graph_answers_the_same(plugin: Model) -> None:
    """With ``exports_onnx``, the exporter ``onnx`` writes it, and the graph answers as it does."""
    plugin.register_onnx()
    for task in _tasks(plugin):
        fit = fit_of(task)
        estimator = plugin.fit(replace(fit, X=fit.X.astype(np.float64)))
        wanted, given = _answers(estimator, task, later_inputs().astype(np.float64)), _run_graph(estimator, task)
        near = np.allclose(given.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-6)
        demand(near, f"{task}: the graph's answers differ", "correct the converter, or declare `exports_onnx=False`")


def _run_graph(estimator: Any, task: Task) -> Array:
    import onnxruntime
    from sklearn.pipeline import Pipeline

    packed = Packed(tuple(f"x{place}" for place in range(FEATURES)), (), ())
    exporter = Catalog().create("exporter", "onnx", {}, Context())
    data = exporter.export(Pipeline([("model", estimator)]), packed, task, "float64")
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    wanted = "value" if task == "regression" else "probabilities"
    if task != "regression" and not hasattr(estimator, "predict_proba"):
        wanted = "label"
    return np.asarray(session.run([wanted], {"num": later_inputs().astype(np.float64)})[0])
