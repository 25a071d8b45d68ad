"""``compile_plan``: from what the user declared to what will be done. Pure: reads no data, starts nothing."""

from __future__ import annotations

from mlconfig.compiler.bench import Bench
from mlconfig.compiler.checks import check
from mlconfig.compiler.judging import evaluate_step, gate_step
from mlconfig.compiler.learning import read_step, train_step, tune_step
from mlconfig.compiler.operating import deploy_step, monitor_step, retrain_step
from mlconfig.compiler.releasing import package_step, register_step
from mlconfig.contracts.catalog import Catalog
from mlconfig.errors import RecipeError
from mlconfig.plan.plan import Plan
from mlconfig.plan.step import BaseStep
from mlconfig.recipe.recipe import Recipe

PASSES = (
    read_step,
    tune_step,
    train_step,
    package_step,
    register_step,
    evaluate_step,
    gate_step,
    deploy_step,
    monitor_step,
    retrain_step,
)
"""Each makes one step out of the recipe, or none where the recipe does not ask for it."""


def compile_plan(recipe: Recipe, catalog: Catalog | None = None) -> Plan:
    """The plan of a recipe.

    Args:
        recipe: as ``load_recipe`` returns it.
        catalog: the plugins there are; null finds the installed ones and the project's files.

    Raises:
        RecipeError: with all problems at once, each with the place where the recipe says it.
        PluginError: a plugin file that cannot be loaded.
    """
    bench = Bench(recipe, catalog or Catalog(recipe.project, recipe.plugins))
    check(bench)
    if bench.problems:
        raise RecipeError(tuple(bench.problems))
    steps: list[BaseStep] = []
    for make in PASSES:
        step = make(bench)
        if step is not None:
            present = {earlier.id for earlier in steps}
            steps.append(step.model_copy(update={"inputs": tuple(name for name in step.inputs if name in present)}))
    return Plan(
        name=recipe.name,
        task=recipe.task,
        random_state=recipe.random_state,
        time_zone=recipe.time_zone,
        project_plugins=recipe.plugins,
        engine=recipe.engine,
        steps=tuple(steps),
    )
