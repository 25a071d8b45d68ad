"""Checks that every searched path leads to a value of the plan, and that what is tried there fits."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from mlconfig.compiler.bench import Bench
from mlconfig.compiler.learning import bare_train_step
from mlconfig.compiler.learning_checks import check_features, check_model
from mlconfig.compiler.space import probes, target_of
from mlconfig.errors import Problem
from mlconfig.plan.bind import put
from mlconfig.plan.steps import TrainStep
from mlconfig.recipe.validate import problems_of


def check_space(bench: Bench) -> None:
    """Put the ends of each range, or each choice, where the search would, and check what comes out like a recipe."""
    template = bare_train_step(bench)
    for path, dimension in bench.recipe.tuning.space.items():
        where = f"tuning.space.{path}"
        target = target_of(path)
        if target is None:
            bench.problem(where, "only paths of model, features and data.split can be searched")
            continue
        for value in probes(dimension):
            faults = _faults(bench, template, target.path, value)
            if faults:
                bench.problem(where, f"the value {value} does not fit: {faults[0].what}", faults[0].hint)
                break


def _faults(bench: Bench, template: TrainStep, path: tuple[str, ...], value: Any) -> list[Problem]:
    try:
        step = put(template, path, value)
    except ValidationError as error:
        return problems_of(error, "", bench.recipe.place, TrainStep)
    other = Bench(bench.recipe.model_copy(update={"features": step.features, "model": step.model}), bench.catalog)
    check_features(other)
    check_model(other)
    return other.problems
