"""``mlconfig plan``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlconfig.cli.multirun import load_plans, multirun_option
from mlconfig.cli.options import output_option, recipe_arguments

if TYPE_CHECKING:
    from mlconfig.cli.multirun import Planned
    from mlconfig.plan.diff import Change
    from mlconfig.plan.plan import Plan

Compared = tuple["Planned", "Plan", tuple["Change", ...]]
"""What was planned, its plan with the digest of what was live, and what applying it would do."""


@click.command("plan")
@recipe_arguments
@output_option
@multirun_option
@click.option("--exit-code", "exit_code", is_flag=True, help="Exit with 1 when something would be done.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Also save the plan to a file for `apply`."
)
def command(
    recipe: Path, overrides: tuple[str, ...], output: str, multirun: bool, exit_code: bool, out: Path | None
) -> int:
    """What would be done, and why, against what is live: + add, ~ change, = keep, - remove, ? known after reading.

    `-o json` prints plan.json with the changes beside it; `--out plan.json` saves the plan, which `mlconfig apply plan.json`
    carries out exactly, and refuses when something else went live in between. With `-m`, one plan for each combination.
    """
    if multirun and out is not None:
        raise click.UsageError("--out saves one plan and -m makes several; leave one of them out")
    compared = [_compare(planned) for planned in load_plans(recipe, overrides, multirun=multirun)]
    if out is not None:
        _save(compared[0], out)
    if output == "json":
        trees = [_tree(each, multirun=multirun) for each in compared]
        click.echo(json.dumps(trees if multirun else trees[0], indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_text(each, multirun=multirun) for each in compared), nl=False)
    return int(exit_code and any(change.changes for *_, changes in compared for change in changes))


def _compare(planned: Planned) -> Compared:
    from mlconfig.engine.live import compare
    from mlconfig.engine.workspace import Workspace

    changes, based_on = compare(planned.plan, Workspace(planned.project, planned.plan.engine))
    return planned, planned.plan.with_base(based_on), changes


def _save(compared: Compared, out: Path) -> None:
    """Write the plan where ``apply`` finds its project again: by its name's end, and by the folders above it."""
    from mlconfig.recipe.project import find_project

    planned, plan, _ = compared
    if out.suffix != ".json":
        raise click.UsageError(f"`{out}`: a saved plan is known by its name's end, .json")
    project = planned.project.absolute()
    if find_project(out.absolute()) != project:
        raise click.UsageError(f"`{out}` lies outside the project, and `apply` could not find it again: {project}")
    try:
        out.write_text(plan.to_json(), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"`{out}` cannot be written: {error.strerror}") from None


def _tree(compared: Compared, *, multirun: bool) -> dict[str, object]:
    planned, plan, changes = compared
    tree = {"plan": json.loads(plan.to_json()), "changes": [change.model_dump(mode="json") for change in changes]}
    return {"overrides": list(planned.overrides), **tree} if multirun else tree


def _text(compared: Compared, *, multirun: bool) -> str:
    from mlconfig.plan.render import render_plan

    planned, plan, changes = compared
    return (f"{planned.heading}\n" if multirun else "") + render_plan(plan, changes)
