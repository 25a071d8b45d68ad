"""``mlconfig train``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mlconfig.cli.multirun import load_plans, multirun_option
from mlconfig.cli.options import output_option, recipe_arguments


@click.command("train")
@recipe_arguments
@output_option
@multirun_option
def command(recipe: Path, overrides: tuple[str, ...], output: str, multirun: bool) -> None:
    """Carry a recipe out until the version is registered: nothing is deployed.

    With `-m`, one version for each combination of swept values, one after the other.
    """
    from mlconfig.cli.carrying import carry_out, print_report, report_tree

    trees = []
    for planned in load_plans(recipe, overrides, multirun=multirun):
        if multirun and output == "text":
            click.echo(f"\n{planned.heading}" if planned.number > 1 else planned.heading)
        report = carry_out(planned.plan, planned.project, output=output, until="register")
        if output == "text":
            print_report(report, recipe, planned.overrides, output=output)
        else:
            trees.append(report_tree(report) | ({"overrides": list(planned.overrides)} if multirun else {}))
    if output == "json":
        click.echo(json.dumps(trees if multirun else trees[0], indent=2, ensure_ascii=False))
