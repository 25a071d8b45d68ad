"""``mlconfig train``."""

from __future__ import annotations

from pathlib import Path

import click

from mlconfig.cli.options import load_plan, output_option, recipe_arguments


@click.command("train")
@recipe_arguments
@output_option
def command(recipe: Path, overrides: tuple[str, ...], output: str) -> int:
    """Carry a recipe out until the version is registered: nothing is deployed."""
    from mlconfig.cli.carrying import carry_out, print_report

    plan, project = load_plan(recipe, overrides)
    report = carry_out(plan, project, output=output, until="register")
    print_report(report, recipe, output=output)
    return 0
