"""``mlconfig report``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mlconfig.cli.options import output_option, recipe_arguments


@click.command("report")
@recipe_arguments
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to; without it, a file of the day in the storage's reports folder.",
)
@click.option("--since", metavar="WHEN", help="30d, back from now, or a date; the default is 30d, or 24 windows.")
@click.option("--version", metavar="VERSION", help="One that was live earlier; without it, the one that is live.")
@output_option
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    since: str | None,
    version: str | None,
    output: str,
) -> None:
    """Write what monitoring found as one HTML file: verdicts, drift, quality and alerts over time, every column.

    The file needs no network and is made for a phone too. It shows what was judged so far; `mlconfig monitor` judges what is
    complete by now.
    """
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.reporting import write_report

    plan, workspace = workspace_of(recipe, overrides)
    written = write_report(workspace, plan, since=since, version=version, out=out)
    if output == "json":
        click.echo(json.dumps({"path": str(written.path), "size": written.size}, indent=2, ensure_ascii=False))
    else:
        click.echo(written.path)
