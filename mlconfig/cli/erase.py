"""``mlconfig erase``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlconfig.cli.options import output_option, recipe_arguments

if TYPE_CHECKING:
    from mlconfig.engine.erase import Erased

WHAT = {
    "predictions": "logged predictions",
    "shadows": "answers of shadows",
    "labels": "labels",
    "samples": "rows in versions' samples",
    "tables": "tables between steps",
    "papers": "papers of versions",
    "texts": "texts of the state",
    "reports": "reports",
}


@click.command("erase")
@recipe_arguments
@click.option(
    "--subject", "value", required=True, metavar="VALUE",
    help="Whose rows: the value of governance.subject (else data.key; a JSON list where that is several columns); "
    "- reads it from standard input.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_option
def command(recipe: Path, overrides: tuple[str, ...], value: str, yes: bool, output: str) -> None:
    """Erase all rows of one subject: predictions, what shadows said, labels, samples of versions, texts of the state, reports.

    The value itself is kept nowhere: the audit trail has its digest. Take the rows out of the source first, or the next
    training reads them again; what a model has learned stays learned until it is trained again. Running it again finds
    nothing.
    """
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.erase import erase, subject_of

    value = sys.stdin.readline().rstrip("\n") if value == "-" else value
    plan, workspace = workspace_of(recipe, overrides)
    columns = ", ".join(subject_of(plan, workspace, value).columns)
    if not yes:
        click.confirm(f"Erase all rows of `{plan.name}` with this {columns}, for ever?", abort=True, err=True)
    found = erase(workspace, plan, value)
    if output == "json":
        click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        return
    for line in summary(found):
        click.echo(line)


def summary(found: Erased) -> list[str]:
    """What was erased, and what is left to do by hand."""
    counted = [f"{getattr(found, name):,} {what}" for name, what in WHAT.items() if getattr(found, name)]
    lines = [f"erased {', '.join(counted)}" if counted else "nothing was there to erase"]
    lines.append(f"  the trail calls the subject {found.subject}")
    lines += [f"  still there: {name}, which is not changed" for name in found.left]
    return lines
