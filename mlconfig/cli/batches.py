"""Scheduled batches as people read them: the last run, the next time, and what is wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from mlconfig.engine.schedule import BatchView
    from mlconfig.lifecycle.batches import BatchRun


def print_batches(console: Console, batches: Sequence[BatchView]) -> None:
    """One line a batch, and one or two more where it fails."""
    from rich.markup import escape

    if batches:
        console.print("\nbatches", style="bold")
    for batch in batches:
        console.print(f"  {batch.name}  `{batch.cron}`  {_next(batch)}; {_last(batch)}", markup=False)
        if batch.last is not None and batch.last.state == "failed":
            first, *more = batch.last.error.splitlines()
            console.print(f"    [red]failed[/] at {_time(batch, batch.last.ended)}: {escape(first)}")
            for line in more:
                console.print(f"    {line}", markup=False)
            console.print(f"    {_good(batch)}", markup=False)


def _next(batch: BatchView) -> str:
    if batch.next_at is None:
        return "runs once it is applied"
    late = batch.next_at < time.time()
    return f"{'was due' if late else 'next'} {_time(batch, batch.next_at)}"


def _last(batch: BatchView) -> str:
    run = batch.last
    if batch.running:
        return "runs now"
    if run is None:
        return "has not run yet"
    if run.state == "running":
        return f"was cut off, and goes on from its finished parts (attempt {run.attempts})"
    return "last run failed" if run.state == "failed" else f"last {_told(batch, run)}"


def _told(batch: BatchView, run: BatchRun) -> str:
    by = ", by hand" if run.by == "hand" else ""
    return f"{_time(batch, run.ended)}: {run.rows:,} row(s) by version {run.version}{by}"


def _good(batch: BatchView) -> str:
    if batch.good is None:
        return "it never succeeded"
    return f"the output is that of {_told(batch, batch.good)}"


def _time(batch: BatchView, moment: float | None) -> str:
    from mlconfig.engine.schedule import moment as told

    return told(moment or 0.0, batch.time_zone)
