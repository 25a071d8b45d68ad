"""``-m``: several plans out of one recipe, one for each combination of the swept values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mlconfig.cli.options import load_plan

if TYPE_CHECKING:
    from mlconfig.plan.plan import Plan

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Planned:
    """One plan of a sweep, with the overrides that made it."""

    plan: Plan
    project: Path
    overrides: tuple[str, ...]
    number: int = 1
    of: int = 1

    @property
    def heading(self) -> str:
        """``2/4  model.params.C=0.1``."""
        return f"{self.number}/{self.of}  {' '.join(self.overrides)}".rstrip()


def multirun_option(function: F) -> F:
    """``-m`` or ``--multirun``."""
    text = "Once for each combination of swept values: a=1,2 b=x,y are four."
    return click.option("-m", "--multirun", "multirun", is_flag=True, help=text)(function)


def load_plans(recipe: Path, overrides: tuple[str, ...], *, multirun: bool) -> list[Planned]:
    """The plan of a recipe, or one for each combination of a sweep, in the order in which they are carried out.

    All are compiled before the first is carried out.

    Raises:
        RecipeError: with the problems of all combinations.
    """
    if not multirun:
        plan, project = load_plan(recipe, overrides)
        return [Planned(plan, project, overrides)]
    from mlconfig.errors import Problem, RecipeError
    from mlconfig.recipe.load import expand_sweep

    combinations = expand_sweep(overrides)
    found: list[Planned] = []
    problems: dict[Problem, None] = {}
    for number, combination in enumerate(combinations, start=1):
        try:
            plan, project = load_plan(recipe, tuple(combination))
        except RecipeError as error:
            problems |= dict.fromkeys(error.problems)
        else:
            found.append(Planned(plan, project, tuple(combination), number, len(combinations)))
    if problems:
        raise RecipeError(tuple(problems))
    return found
