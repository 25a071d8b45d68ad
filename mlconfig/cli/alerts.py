"""``mlconfig alerts``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlconfig.cli.options import output_option, recipe_arguments
from mlconfig.cli.tables import console

if TYPE_CHECKING:
    from mlconfig.engine.letters import Mail


@click.command("alerts")
@recipe_arguments
@click.option("--resend", is_flag=True, help="Send now what waits or was given up.")
@output_option
def command(recipe: Path, overrides: tuple[str, ...], resend: bool, output: str) -> int:
    """Show the open alerts, and those that have not reached their sinks.

    Exits with 1 while an alert is open.
    """
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.letters import mail_of

    plan, workspace = workspace_of(recipe, overrides)
    mail = mail_of(workspace, plan, resend=resend)
    if output == "json":
        tree = {
            "open": [alert.model_dump(mode="json") for alert in mail.open],
            "pending": [letter.model_dump(mode="json") for letter in mail.pending],
            "dead": [letter.model_dump(mode="json") for letter in mail.dead],
            "sent": mail.sent.sent if mail.sent is not None else None,
        }
        click.echo(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        _print(mail)
    return int(bool(mail.open))


def _print(mail: Mail) -> None:
    from mlconfig.engine.letters import undelivered

    out = console()
    if mail.sent is not None:
        out.print(f"{mail.sent.sent} alert(s) sent")
        for sink, error in mail.sent.failed:
            out.print(f"  {sink}: {error}", markup=False, style="red")
    if not mail.open:
        out.print("No alert is open.")
    for alert in mail.open:
        out.print(f"{alert.severity}  {alert.what}", markup=False, style="red")
        if alert.advice:
            out.print(f"  {alert.advice}", markup=False)
    for line in undelivered((*mail.pending, *mail.dead)):
        out.print(line, markup=False, style="yellow")
    if mail.dead:
        out.print("  --resend sends them again")
