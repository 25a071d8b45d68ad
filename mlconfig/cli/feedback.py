"""``mlconfig feedback``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlconfig.engine.label_effects import Imported


@click.group("feedback")
def command() -> None:
    """Bring labels to predictions."""


@command.command("import")
@click.argument("recipe", type=click.Path(path_type=Path), metavar="RECIPE")
@click.argument("labels", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def import_labels(recipe: Path, labels: Path, overrides: tuple[str, ...]) -> None:
    """Import labels from a CSV or Parquet FILE, and tell what they change.

    Its columns: `prediction_id` (or the columns of `data.key`), `label` (or the target's name), and, where labels are
    corrected, `label_version`: a whole number from 1 on, which is 1 where it is not given. Of several labels for one
    prediction the highest version counts, and of one version the first that came: a correction needs a higher version than
    the label that is there. Importing the same file twice changes nothing.
    """
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.labels import import_file

    plan, workspace = workspace_of(recipe, overrides)
    for line in summary(import_file(workspace, plan, labels)):
        click.echo(line)


def summary(imported: Imported) -> list[str]:
    """How many there were and what they change, then what a person may have expected to be otherwise."""
    from mlconfig.vocabulary import plural

    counted = f"{imported.new:,} new, {imported.corrected:,} corrected, {imported.repeated:,} there already"
    lines = [f"{plural(imported.rows, 'label')}: {counted}"]
    if imported.outranked:
        lines.append(
            f"  {imported.outranked:,} changed nothing: another label is there, and a correction needs a higher label_version"
        )
    if imported.absent:
        lines.append(
            f"  {imported.absent:,} of predictions that are not in the log: early, or answered elsewhere, or not sampled"
        )
    return lines
