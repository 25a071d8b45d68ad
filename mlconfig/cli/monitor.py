"""``mlconfig monitor``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlconfig.cli.options import output_option, recipe_arguments
from mlconfig.cli.tables import console, table

if TYPE_CHECKING:
    from rich.table import Table

    from mlconfig.engine.cycle import CycleReport
    from mlconfig.engine.workspace import Workspace
    from mlconfig.monitoring.run import Progress
    from mlconfig.plan.plan import Plan
    from mlconfig.records.verdict import Verdict

STYLE = {"ok": "green", "suspect": "yellow", "alert": "red", "lasting": "bold red", "unknown": "dim"}


@click.command("monitor")
@recipe_arguments
@click.option(
    "--window",
    metavar="STRETCH",
    help="Judge this stretch alone (24h: until now; 2026-01-31..2026-02-01) and keep nothing: for cron and Airflow.",
)
@click.option(
    "--explain", metavar="COLUMN", help="Counts, statistic and threshold of a column, and how they came about."
)
@output_option
def command(recipe: Path, overrides: tuple[str, ...], window: str | None, explain: str | None, output: str) -> int:
    """Judge all complete windows of the live version now, and show each signal's newest verdict.

    Exits with 1 when a signal is at `alert` or `lasting`; with --window, when one votes for it. The controller does the same
    by itself while the endpoint is up, and asks the retraining policy after it.
    """
    from mlconfig.cli.places import workspace_of

    plan, workspace = workspace_of(recipe, overrides)
    if explain is not None:
        return _explain(workspace, plan, explain, window, output)
    if window is not None:
        return _judge(workspace, plan, window, output)
    return _watch(workspace, plan, output)


def _watch(workspace: Workspace, plan: Plan, output: str) -> int:
    from mlconfig.engine.watching import watch_now

    with window_progress() as progress:
        report, latest = watch_now(workspace, plan, progress)
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


@contextmanager
def window_progress() -> Iterator[Progress | None]:
    """Shows how many windows are judged while it lasts; only to a person, beside what is printed."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    err = Console(stderr=True)
    if not err.is_terminal:
        yield None
        return
    columns = (TextColumn("judging windows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _judge(workspace: Workspace, plan: Plan, stretch: str, output: str) -> int:
    from mlconfig.engine.watching import judge_window

    window, verdicts = judge_window(workspace, plan, stretch)
    if output == "json":
        tree = {"window": window.model_dump(), "verdicts": [verdict.model_dump(mode="json") for verdict in verdicts]}
        click.echo(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        _print_verdicts(verdicts)
    return int(any(verdict.vote for verdict in verdicts))


def _explain(workspace: Workspace, plan: Plan, column: str, stretch: str | None, output: str) -> int:
    from mlconfig.cli.explained import as_tree, print_explanation
    from mlconfig.engine.watching import explain

    window, explanation = explain(workspace, plan, column, stretch)
    if output == "json":
        click.echo(json.dumps(as_tree(window, explanation), indent=2, ensure_ascii=False))
    else:
        print_explanation(console(), window, explanation)
    return 0


def _print(report: CycleReport, latest: tuple[Verdict, ...]) -> None:
    from mlconfig.vocabulary import plural

    out = console()
    if not latest:
        out.print("No window is complete yet.")
    else:
        out.print(f"{plural(len(report.verdicts), 'verdict')} new or changed; the newest of each signal:\n")
        _print_verdicts(latest)
    for skipped in report.skipped:
        out.print(f"  {skipped}", markup=False, style="dim")
    if report.decision is not None:
        out.print(f"\nretraining: {report.decision.reason}", markup=False)


def _print_verdicts(verdicts: tuple[Verdict, ...]) -> None:
    """The table, and below it what probably happened and what to do, for each verdict that votes."""
    from mlconfig.monitoring.table import advice_lines

    out = console()
    out.print(verdict_table(verdicts))
    for line in advice_lines(verdicts):
        out.print(line, markup=False)


def verdict_table(verdicts: tuple[Verdict, ...]) -> Table:
    """Verdicts as a table, coloured by state."""
    from mlconfig.monitoring.table import COLUMNS, table_rows

    styles = (STYLE[verdict.state] for verdict in verdicts)
    return table(COLUMNS, zip(table_rows(verdicts), styles, strict=True))
