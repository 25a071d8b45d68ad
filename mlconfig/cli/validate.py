"""``mlconfig validate``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from mlconfig.cli.options import load, output_option, recipe_arguments


@click.command("validate")
@recipe_arguments
@output_option
def command(recipe: Path, overrides: tuple[str, ...], output: str) -> int:
    """Check a recipe with its overrides: every key, every plugin and its params, every rule across sections.

    All problems are reported at once, each with its place. Reads no data and starts nothing.
    """
    from mlconfig.compiler.compiler import compile_plan
    from mlconfig.errors import RecipeError

    try:
        plan = compile_plan(load(recipe, overrides))
    except RecipeError as error:
        if output == "text":
            raise
        click.echo(
            json.dumps({"problems": [asdict(problem) for problem in error.problems]}, indent=2, ensure_ascii=False)
        )
        return 2
    if output == "text":
        click.echo(f"{recipe}: fine ({plan.name}, {plan.task}, {len(plan.steps)} steps)")
        for notice in plan.notices:
            click.echo(f"note: {notice}")
    else:
        click.echo(json.dumps({"problems": [], "notices": list(plan.notices)}, indent=2, ensure_ascii=False))
    return 0
