"""The passes that package and register."""

from __future__ import annotations

from mlconfig.compiler.bench import Bench
from mlconfig.plan.steps import PackageStep, RegisterStep


def package_step(bench: Bench) -> PackageStep:
    """One file out of features and model."""
    packaging = bench.recipe.packaging
    return PackageStep(
        id="package",
        inputs=("read", "train"),
        plugins=(bench.pin("exporter", packaging.exporter.name),),
        name=bench.recipe.name,
        packaging=packaging,
        groups=bench.recipe.evaluation.fairness.groups,
    )


def register_step(bench: Bench) -> RegisterStep:
    """A version in MLflow."""
    recipe = bench.recipe
    return RegisterStep(
        id="register",
        inputs=("package",),
        name=recipe.name,
        tracking=recipe.tracking,
        description=recipe.description,
        owner=recipe.owner,
        tags=recipe.tags,
    )
