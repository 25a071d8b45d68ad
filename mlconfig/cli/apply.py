"""``mlconfig apply``."""

from __future__ import annotations

from pathlib import Path

import click

from mlconfig.cli.options import load_plan, output_option, recipe_arguments


@click.command("apply")
@recipe_arguments
@output_option
def command(recipe: Path, overrides: tuple[str, ...], output: str) -> int:
    """Carry a recipe out: read, check, tune, train, package, register, evaluate, gate, deploy, watch.

    What was carried out before is kept: applying twice does nothing the second time. RECIPE may be a plan that
    `mlconfig plan --out plan.json` saved; it is carried out exactly, and refused when something else went live since.
    Exits with 1 when a gate refuses the candidate.
    """
    from mlconfig.cli.carrying import carry_out, print_report

    plan, project = load_plan(recipe, overrides)
    report = carry_out(plan, project, output=output)
    print_report(report, recipe, overrides, output=output)
    return int(report.refused)
