"""``mlconfig predict``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("predict")
@click.argument("recipe", type=click.Path(path_type=Path), metavar="RECIPE")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--input",
    "source",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV or Parquet.",
)
@click.option(
    "--output", "target", required=True, type=click.Path(path_type=Path, dir_okay=False), help="CSV or Parquet."
)
@click.option("--version", "version", default=None, help="A registered version; the live one when left out.")
def command(recipe: Path, overrides: tuple[str, ...], source: Path, target: Path, version: str | None) -> None:
    """Score a file with the live version (or, before one is live, the newest registered one).

    The output holds the input's columns, `prediction`, and for classes `probability`. It appears under its name only when it
    is complete. Needs no running endpoint.
    """
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.batch import predict_batch

    plan, workspace = workspace_of(recipe, overrides)
    rows, used = predict_batch(workspace, plan, source, target, version)
    click.echo(f"{rows} row(s) scored by version {used}: {target}")
