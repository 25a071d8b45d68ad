"""``mlconfig status``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlconfig.cli.options import output_option, recipe_arguments
from mlconfig.cli.tables import console as make_console

if TYPE_CHECKING:
    from rich.console import Console

    from mlconfig.engine.status import Status


@click.command("status")
@recipe_arguments
@output_option
def command(recipe: Path, overrides: tuple[str, ...], output: str) -> None:
    """What is live, since when and why; its metrics; the last rollouts; the newest verdict of each signal; open alerts."""
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.status import status_of

    plan, workspace = workspace_of(recipe, overrides)
    status = status_of(workspace, plan)
    if output == "json":
        click.echo(json.dumps(_tree(status), indent=2, ensure_ascii=False))
        return
    console = make_console()
    _print_live(console, status)
    _print_history(console, status)


def _tree(status: Status) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(each) for each in value]
        return value.model_dump(mode="json") if hasattr(value, "model_dump") else value

    return {key: plain(value) for key, value in vars(status).items()}


def _print_live(console: Console, status: Status) -> None:
    from rich.markup import escape

    if status.serving is not None:
        console.print(f"[bold]{status.name}[/]  {status.url}/v1/{status.endpoint}/predict  [green]answers[/]")
    else:
        console.print(f"[bold]{status.name}[/]  [yellow]does not answer[/]: {escape(status.problem)}")
    if status.route is None:
        registered = ", ".join(card.version for card in status.versions)
        console.print("  no version was promoted yet" + (f"; registered: version {registered}" if registered else ""))
        return
    route = status.route
    console.print(
        f"  version {route.champion.version}, live since {_time(route.created_at)}: {route.reason}", markup=False
    )
    if status.serving is not None and status.serving.get("generation") != route.generation:
        behind = f"generation {status.serving.get('generation')}, {route.generation} is on its way"
        console.print(f"  [yellow]the replica that answered is at {behind}[/]")
    if status.card is not None:
        for name, metric in status.card.metrics.items():
            console.print(
                f"  {name} {metric.value:.4f} [{metric.low:.4f}, {metric.high:.4f}] at evaluation", markup=False
            )
    console.print(f"  retraining: {status.policy}", markup=False)
    if status.controller:
        console.print(f"  controller: {status.controller}", markup=False)


def _print_history(console: Console, status: Status) -> None:
    from rich.markup import escape

    if status.rollouts:
        console.print("\nrollouts", style="bold")
    for rollout, why in status.rollouts:
        version = f"version {rollout.version}" if rollout.version else ""
        console.print(
            f"  {_time(rollout.entered_at)}  {rollout.state:<11} {version:<10} {rollout.reason} ({why})", markup=False
        )
    if status.verdicts:
        from mlconfig.cli.monitor import verdict_table

        console.print("\nsignals", style="bold")
        console.print(verdict_table(status.verdicts))
    for alert in status.alerts:
        console.print(f"[red]alert[/] {escape(alert.what)}")
    for letter in status.undelivered:
        console.print(f"[yellow]not told[/] {escape(letter)}; `mlconfig alerts --resend` sends it now")


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
