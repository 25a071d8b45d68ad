"""``mlconfig status``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlconfig.cli.batches import print_batches
from mlconfig.cli.options import output_option, recipe_arguments
from mlconfig.cli.tables import console as make_console

if TYPE_CHECKING:
    from rich.console import Console

    from mlconfig.engine.status import Status
    from mlconfig.records.route import RouteTable

SHOWN_UNDELIVERED = 5
_LOADABLE_AGAIN = "the version could not be loaded when the replica last tried, and it goes on trying"


@click.command("status")
@recipe_arguments
@output_option
def command(recipe: Path, overrides: tuple[str, ...], output: str) -> None:
    """What is live, since when and why; its metrics; the last rollouts; the newest verdicts; open alerts; scheduled batches."""
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
    print_batches(console, status.batches)


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
    if status.grpc is not None:
        console.print(f"  gRPC at {status.grpc}, with the metadata application={status.endpoint}")
    if status.route is None:
        registered = ", ".join(card.version for card in status.versions)
        console.print("  no version was promoted yet" + (f"; registered: version {registered}" if registered else ""))
        return
    _print_route(console, status, status.route)
    if status.card is not None:
        for name, metric in status.card.metrics.items():
            console.print(
                f"  {name} {metric.value:.4f} [{metric.low:.4f}, {metric.high:.4f}] at evaluation", markup=False
            )
        if status.card.about:
            console.print(f"  {status.card.about}", markup=False)
    console.print(f"  retraining: {status.policy}", markup=False)
    if status.kept:
        console.print(f"  kept: {status.kept}", markup=False)
    if status.controller:
        console.print(f"  controller: {status.controller}", markup=False)


def _print_route(console: Console, status: Status, route: RouteTable) -> None:
    """Which version is live, what is beside it, and whether replicas are so far."""
    from rich.markup import escape

    live = status.promotion or route
    console.print(
        f"  version {route.champion.version}, live since {_time(live.created_at)}: {live.reason}", markup=False
    )
    if route.canary is not None:
        canary = route.canary
        console.print(
            f"  canary: version {canary.version.version} gets {canary.percent:g} % until {_time(canary.expires)}"
        )
    for shadow in route.shadows:
        console.print(f"  shadow: version {shadow.version} is asked what the others are")
    if status.serving is not None and status.serving.get("fallback"):
        why = f"the version cannot be loaded: {escape(status.unloadable)}" if status.unloadable else _LOADABLE_AGAIN
        console.print(f"  [red]the fallback answers[/]: {why}")
    elif status.serving is not None and status.serving.get("generation") != route.generation:
        behind = f"generation {status.serving.get('generation')}, {route.generation}"
        cause = f"cannot be loaded: {escape(status.unloadable)}" if status.unloadable else "is on its way"
        console.print(f"  [yellow]the replica that answered is at {behind} {cause}[/]")


def _print_history(console: Console, status: Status) -> None:
    from rich.markup import escape

    if status.rollouts:
        console.print("\nrollouts", style="bold")
    for rollout, why in status.rollouts:
        version = f"version {rollout.version}" if rollout.version else ""
        console.print(
            f"  {_time(rollout.created_at)}  {rollout.state:<11} {version:<10} {rollout.reason} ({why})", markup=False
        )
    if status.verdicts:
        from mlconfig.cli.monitor import verdict_table

        console.print("\nsignals", style="bold")
        console.print(verdict_table(status.verdicts))
    for alert in status.alerts:
        console.print(f"[red]alert[/] {escape(alert.what)}")
    print_undelivered(console, status.undelivered)


def print_undelivered(console: Console, lines: tuple[str, ...]) -> None:
    """The newest, so that a sink that has been away for weeks does not hide all else."""
    from rich.markup import escape

    for line in lines[:SHOWN_UNDELIVERED]:
        console.print(f"[yellow]not told[/] {escape(line)}")
    more = len(lines) - SHOWN_UNDELIVERED
    if more > 0:
        console.print(f"[yellow]not told[/] of {more} more, which `mlconfig alerts` lists")
    if lines:
        console.print("  `mlconfig alerts --resend` sends them now")


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
