"""``mlconfig validate``."""

from __future__ import annotations

from pathlib import Path

import click

from mlconfig.cli.options import load, recipe_arguments


@click.command("validate")
@recipe_arguments
def command(recipe: Path, overrides: tuple[str, ...]) -> None:
    """Check a recipe with its overrides: every key, every plugin and its params, every rule across sections.

    All problems are reported at once, each with its place. Reads no data and starts nothing.
    """
    from mlconfig.compiler.compiler import compile_plan

    loaded = load(recipe, overrides)
    plan = compile_plan(loaded)
    click.echo(f"{recipe}: fine ({plan.name}, {plan.task}, {len(plan.steps)} steps)")
