"""``mlconfig plan``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mlconfig.cli.options import load_plan, output_option, recipe_arguments


@click.command("plan")
@recipe_arguments
@output_option
@click.option("--exit-code", "exit_code", is_flag=True, help="Exit with 1 when something would be done.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Also save the plan to a file for `apply`."
)
def command(recipe: Path, overrides: tuple[str, ...], output: str, exit_code: bool, out: Path | None) -> int:
    """What would be done, and why, against what is live: + add, ~ change, = keep, - remove, ? known after reading.

    `-o json` prints plan.json with the changes beside it; `--out plan.json` saves the plan, which `mlconfig apply plan.json`
    carries out exactly, and refuses when something else went live in between.
    """
    from mlconfig.engine.live import compare
    from mlconfig.engine.workspace import Workspace
    from mlconfig.plan.render import render_plan

    plan, project = load_plan(recipe, overrides)
    changes, based_on = compare(plan, Workspace(project, plan.engine))
    plan = plan.with_base(based_on)
    if out is not None:
        out.write_text(plan.to_json(), encoding="utf-8")
    if output == "json":
        told = [change.model_dump(mode="json") for change in changes]
        click.echo(json.dumps({"plan": json.loads(plan.to_json()), "changes": told}, indent=2, ensure_ascii=False))
    else:
        click.echo(render_plan(plan, changes), nl=False)
    return int(exit_code and any(change.changes for change in changes))
