"""One YAML recipe declares a model's whole life; a compiler turns it into a plan; an engine carries it out.

from mlconfig import apply_plan, compile_plan, load_recipe

recipe = load_recipe("recipes/breast_cancer.yaml", ["tuning.trials=5"])
plan = compile_plan(recipe)
report = apply_plan(plan, recipe.project)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlconfig.compiler.compiler import compile_plan as compile_plan
    from mlconfig.engine.apply import apply_plan as apply_plan
    from mlconfig.recipe.load import load_recipe as load_recipe

__version__ = "0.1.0"

_HOMES = {
    "load_recipe": "mlconfig.recipe.load",
    "compile_plan": "mlconfig.compiler.compiler",
    "apply_plan": "mlconfig.engine.apply",
}
__all__ = ["__version__", "apply_plan", "compile_plan", "load_recipe"]


def __getattr__(name: str) -> Any:
    """Import a public name where it is first used, so that ``import mlconfig`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
