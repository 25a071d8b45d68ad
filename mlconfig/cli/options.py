"""Arguments and options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mlconfig.plan.plan import Plan
    from mlconfig.recipe.recipe import Recipe

F = TypeVar("F", bound=Callable[..., Any])


def recipe_arguments(function: F) -> F:
    """``RECIPE [OVERRIDES]…``, as Hydra writes overrides."""
    overrides = click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
    recipe = click.argument("recipe", type=click.Path(path_type=Path), metavar="RECIPE")
    return recipe(overrides(function))


def output_option(function: F) -> F:
    """``-o json`` for machines."""
    return click.option(
        "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or machines."
    )(function)


def load(recipe: Path, overrides: tuple[str, ...]) -> Recipe:
    """The recipe with its overrides. Loads Hydra and pydantic, so only a verb that needs them calls this."""
    from mlconfig.recipe.load import load_recipe

    return load_recipe(recipe, overrides)


def load_plan(recipe: Path, overrides: tuple[str, ...]) -> tuple[Plan, Path]:
    """The plan of a recipe, and its project's folder. A saved ``plan.json`` is read instead, and takes no overrides."""
    if recipe.suffix == ".json":
        from mlconfig.plan.plan import read_plan
        from mlconfig.recipe.project import find_project

        if overrides:
            raise click.UsageError("a saved plan takes no overrides; compile the recipe again")
        return read_plan(recipe), find_project(recipe.absolute())
    from mlconfig.compiler.compiler import compile_plan

    loaded = load(recipe, overrides)
    return compile_plan(loaded), loaded.project
