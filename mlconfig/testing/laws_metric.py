"""Laws of a metric: its best value is for the perfect prediction, its direction is as declared, rows have no order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlconfig.contracts import Metric
from mlconfig.contracts.bootstrap import draws
from mlconfig.testing.law import Law, demand
from mlconfig.vocabulary import Task

Array = np.ndarray[Any, Any]
ROWS = 300


def laws_for(_: Metric) -> list[Law]:
    """All of them."""
    return [
        the_perfect_prediction_is_best, worse_is_worse_in_the_declared_direction, rows_have_no_order, it_gives_a_float,
        without_rows_it_is_undefined, one_class_alone_does_not_break_it, resamples_are_scores_of_the_drawn_rows,
        it_leaves_its_input_alone,
    ]  # fmt: skip


def _tasks(plugin: Metric) -> list[Task]:
    return sorted(plugin.tags.tasks)


def _truth(task: Task) -> Array:
    rng = np.random.default_rng(1)
    return rng.normal(50.0, 9.0, ROWS) if task == "regression" else rng.integers(0, 2 if task == "binary" else 3, ROWS)


def _predicted(plugin: Metric, task: Task, wrong: float) -> Array:
    """What a model answers that is wrong in a share of the rows: 0 is perfect."""
    rng, y = np.random.default_rng(2), _truth(task)
    if task == "regression":
        return np.asarray(y + wrong * rng.normal(0.0, 20.0, ROWS))
    classes = 2 if task == "binary" else 3
    places = rng.permutation(ROWS)[: round(wrong * ROWS)]
    codes = y.copy()
    codes[places] = (codes[places] + 1) % classes
    if plugin.tags.reads == "prediction":
        return codes
    sure = np.eye(classes)[codes]
    given = sure if wrong == 0 else 0.8 * sure + 0.2 * rng.dirichlet(np.ones(classes), ROWS)
    return np.asarray(given[:, 1] if task == "binary" else given)


def _better(plugin: Metric, one: float, other: float) -> bool:
    return one > other if plugin.tags.greater_is_better else one < other


def the_perfect_prediction_is_best(plugin: Metric) -> None:
    """No prediction is better than the perfect one."""
    for task in _tasks(plugin):
        best = plugin.score(_truth(task), _predicted(plugin, task, 0.0))
        for wrong in (0.02, 0.2, 0.6, 1.0):
            value = plugin.score(_truth(task), _predicted(plugin, task, wrong))
            demand(
                not _better(plugin, value, best),
                f"{task}: {wrong:.0%} wrong scores {value:.4g}, perfect {best:.4g}",
                f"the tags say greater_is_better={plugin.tags.greater_is_better}: correct them, or the value's sign",
            )


def worse_is_worse_in_the_declared_direction(plugin: Metric) -> None:
    """Wrong answers make it worse, in the direction of ``greater_is_better``."""
    for task in _tasks(plugin):
        few, many = (plugin.score(_truth(task), _predicted(plugin, task, wrong)) for wrong in (0.0, 0.5))
        demand(
            _better(plugin, few, many),
            f"{task}: perfect {few:.4g}, half wrong {many:.4g}",
            f"the tags say greater_is_better={plugin.tags.greater_is_better}: correct them, or the value's sign",
        )


def rows_have_no_order(plugin: Metric) -> None:
    """The order of the rows changes nothing."""
    for task in _tasks(plugin):
        y, predicted = _truth(task), _predicted(plugin, task, 0.3)
        order = np.random.default_rng(3).permutation(ROWS)
        seen = plugin.score(y, predicted), plugin.score(y[order], predicted[order])
        demand(math.isclose(*seen, rel_tol=1e-9), f"{task}: {seen[0]!r}, shuffled {seen[1]!r}", "take rows in no order")


def it_gives_a_float(plugin: Metric) -> None:
    """A metric is a Python float, finite on ordinary predictions."""
    for task in _tasks(plugin):
        value = plugin.score(_truth(task), _predicted(plugin, task, 0.3))
        good = type(value) is float and math.isfinite(value)
        demand(good, f"{task}: {value!r} ({type(value).__name__})", "return float(…)")


def without_rows_it_is_undefined(plugin: Metric) -> None:
    """Without any row it is NaN: nothing was measured, so no gate may pass by it."""
    for task in _tasks(plugin):
        value = plugin.score(_truth(task)[:0], _predicted(plugin, task, 0.3)[:0])
        demand(
            math.isnan(value), f"{task}: {value!r} for no rows", "return float('nan') where there is nothing to measure"
        )


def one_class_alone_does_not_break_it(plugin: Metric) -> None:
    """Rows of one class alone (or one value) give a value or NaN, never an error: slices are like that."""
    for task in _tasks(plugin):
        y, predicted = _truth(task), _predicted(plugin, task, 0.3)
        only = y == y[0] if task != "regression" else np.arange(ROWS) < 20
        same = np.full(int(only.sum()), y[0])
        demand(
            isinstance(plugin.score(same, predicted[only]), float),
            f"{task}: no float",
            "return float('nan') if undefined",
        )


def resamples_are_scores_of_the_drawn_rows(plugin: Metric) -> None:
    """``resampled`` gives what ``score`` gives on the drawn rows, resample by resample."""
    for task in _tasks(plugin):
        y, predicted = _truth(task), _predicted(plugin, task, 0.3)
        counts = next(draws(ROWS, 5, 0))
        given = np.asarray(plugin.resampled(y, predicted, counts), np.float64)
        chosen = [np.repeat(np.arange(ROWS), drawn.astype(np.int64)) for drawn in counts]
        wanted = np.array([plugin.score(y[rows], predicted[rows]) for rows in chosen])
        near = given.shape == wanted.shape and np.allclose(given, wanted, rtol=1e-7, atol=1e-9, equal_nan=True)
        demand(
            near,
            f"{task}: {given.tolist()} for {wanted.tolist()}",
            "weight rows by `counts`, or leave resampled() away",
        )


def it_leaves_its_input_alone(plugin: Metric) -> None:
    """Neither truth nor predictions are altered."""
    for task in _tasks(plugin):
        y, predicted = _truth(task), _predicted(plugin, task, 0.3)
        plugin.score(y, predicted)
        untouched = np.array_equal(y, _truth(task)) and np.array_equal(predicted, _predicted(plugin, task, 0.3))
        demand(untouched, f"{task}: `y` or `predicted` was altered", "sort and round copies")
