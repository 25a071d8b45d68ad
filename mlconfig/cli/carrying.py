"""A plan carried out in front of a person: a live list of the steps, then where to look next."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from mlconfig.cli.tables import console as make_console

if TYPE_CHECKING:
    from mlconfig.engine.report import ApplyReport, Progress, StepEvent
    from mlconfig.plan.plan import Plan

MARKS = {"done": "[green]✓[/]", "kept": "[dim]=[/]", "failed": "[red]✗[/]", "refused": "[yellow]✗[/]", "waiting": " "}


class StepList:
    """The steps of a plan with their state and time; a renderable that tells the time of the running one itself."""

    def __init__(self, steps: list[str]) -> None:
        self.rows: dict[str, tuple[str, float, str]] = dict.fromkeys(steps, ("waiting", 0.0, ""))
        self.began = time.monotonic()

    def update(self, event: StepEvent) -> None:
        """Take an event in."""
        seconds = time.monotonic() if event.state == "started" else event.seconds
        self.rows[event.step] = (event.state, seconds, event.note)

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, (state, seconds, note) in self.rows.items():
            running = state == "started"
            mark = Spinner("dots") if running else MARKS[state]
            spent = time.monotonic() - seconds if running else seconds
            told = "" if state in ("waiting", "kept") else f"{spent:5.1f} s"
            style = "dim" if state in ("waiting", "kept") else ""
            table.add_row(mark, name, told, escape(note), style=style)
        return table


def carry_out(plan: Plan, project: Path, *, output: str, until: str | None = None) -> ApplyReport:
    """Apply a plan; a live list on a terminal, a line a step elsewhere, nothing for machines."""
    from mlconfig.engine.apply import apply_plan

    if output == "json":
        return apply_plan(plan, project, until=until)
    console = make_console()
    console.print(f"[bold]{plan.name}[/]  plan {plan.digest[:12]}")
    for notice in plan.notices:
        console.print(f"note: {notice}", markup=False)
    if not console.is_terminal:
        return apply_plan(plan, project, progress=_line_printer(console), until=until)
    steps = StepList([step.id for step in plan.steps])
    with Live(steps, console=console, refresh_per_second=8):
        return apply_plan(plan, project, progress=steps.update, until=until)


def _line_printer(console: Console) -> Progress:
    def print_event(event: StepEvent) -> None:
        if event.state != "started":
            told = "" if event.state == "kept" else f"{event.seconds:6.1f} s"
            console.print(f" {MARKS[event.state]} {event.step:<9} {told:>8}  {escape(event.note)}")

    return print_event


def report_tree(report: ApplyReport) -> dict[str, Any]:
    """A report as a JSON tree."""
    return asdict(report) | {"gate": report.gate.model_dump(mode="json") if report.gate is not None else None}


def print_report(report: ApplyReport, recipe: Path, overrides: tuple[str, ...] = (), *, output: str) -> None:
    """What came out, and where to look next."""
    if output == "json":
        print(json.dumps(report_tree(report), indent=2, ensure_ascii=False))
        return
    console = make_console()
    if report.refused and report.gate is not None:
        console.print("\n[yellow]The gates refused this candidate; the route stays as it was.[/]")
        for result in report.gate.results:
            if not result.passed:
                console.print(f"  {result.gate}: {result.reason}", markup=False)
        return
    if not report.ran:
        console.print("\nNothing to do: everything the recipe declares stands.")
    if report.url is not None:
        _print_endpoint(console, report, shlex.join([str(recipe), *overrides]))
    elif report.version is not None:
        console.print(f"\nVersion [bold]{report.version}[/] of {report.name} is registered.")


def _print_endpoint(console: Console, report: ApplyReport, recipe: str) -> None:
    url = f"{report.url}/v1/{report.endpoint}"
    body = json.dumps(report.example, ensure_ascii=False).replace("'", "'\\''")
    console.print(f"\n[bold]{report.name}[/] version {report.version} answers at [bold]{url}/predict[/]\n")
    console.print(f"  curl -s {url}/predict -H 'content-type: application/json' -d '{body}'\n", markup=False)
    for verb, what in (
        ("status", "what is live and how it does"),
        ("monitor", "judge the windows so far"),
        ("destroy", "end it"),
    ):
        console.print(f"  mlconfig {verb:<8} {recipe}   {what}", markup=False)
    console.print(f"  {report.url}/openapi.json   the endpoint's OpenAPI", markup=False)
