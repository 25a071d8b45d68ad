"""``mlconfig feedback``."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("feedback")
def command() -> None:
    """Bring labels to predictions."""


@command.command("import")
@click.argument("recipe", type=click.Path(path_type=Path), metavar="RECIPE")
@click.argument("labels", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def import_labels(recipe: Path, labels: Path, overrides: tuple[str, ...]) -> None:
    """Import labels from a CSV or Parquet FILE.

    Its columns: `prediction_id` (or the columns of `data.key`), `label` (or the target's name), and, where labels are
    corrected later, `label_version` (a whole number; the highest counts). Importing the same file twice changes nothing.
    """
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.labels import import_file

    plan, workspace = workspace_of(recipe, overrides)
    count = import_file(workspace, plan, labels)
    click.echo(f"{count} label(s) imported")
