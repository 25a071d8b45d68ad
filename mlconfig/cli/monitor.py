"""``mlconfig monitor``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlconfig.cli.options import output_option, recipe_arguments
from mlconfig.cli.tables import console, table

if TYPE_CHECKING:
    from rich.table import Table

    from mlconfig.engine.cycle import CycleReport
    from mlconfig.records.verdict import Verdict

STYLE = {"ok": "green", "suspect": "yellow", "alert": "red", "lasting": "bold red", "unknown": "dim"}


@click.command("monitor")
@recipe_arguments
@output_option
def command(recipe: Path, overrides: tuple[str, ...], output: str) -> int:
    """Judge all complete windows of the live version now, and show each signal's newest verdict.

    Exits with 1 when a signal is at `alert` or `lasting`. The controller does the same by itself while the endpoint is up, and
    asks the retraining policy after it.
    """
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.watching import watch_now

    plan, workspace = workspace_of(recipe, overrides)
    report, latest = watch_now(workspace, plan)
    if output == "json":
        tree = {
            "new": [verdict.model_dump(mode="json") for verdict in report.verdicts],
            "latest": [verdict.model_dump(mode="json") for verdict in latest],
            "skipped": list(report.skipped),
            "retraining": report.decision.model_dump(mode="json") if report.decision is not None else None,
        }
        click.echo(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        _print(report, latest)
    return int(any(verdict.state in ("alert", "lasting") for verdict in latest))


def _print(report: CycleReport, latest: tuple[Verdict, ...]) -> None:
    out = console()
    if not latest:
        out.print("No window is complete yet.")
    else:
        out.print(f"{len(report.verdicts)} new or changed verdict(s); the newest of each signal:\n")
        out.print(verdict_table(latest))
    for skipped in report.skipped:
        out.print(f"  {skipped}", markup=False, style="dim")
    if report.decision is not None:
        out.print(f"\nretraining: {report.decision.reason}", markup=False)


def verdict_table(verdicts: tuple[Verdict, ...]) -> Table:
    """Verdicts as a table, coloured by state."""
    from mlconfig.monitoring.table import COLUMNS, table_rows

    styles = (STYLE[verdict.state] for verdict in verdicts)
    return table(COLUMNS, zip(table_rows(verdicts), styles, strict=True))
