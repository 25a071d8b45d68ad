"""``mlconfig retrain``."""

from __future__ import annotations

from pathlib import Path

import click

from mlconfig.cli.options import output_option, recipe_arguments


@click.command("retrain")
@recipe_arguments
@click.option("--reason", default="by hand", help="Kept in the audit trail.")
@output_option
def command(recipe: Path, overrides: tuple[str, ...], reason: str, output: str) -> int:
    """Start a retrain now and wait for it: it passes every gate like any other version, or is refused.

    Cooldown is the policy's and does not bind a person. Exits with 1 when a gate refuses the new version.
    """
    from mlconfig.cli.places import workspace_of
    from mlconfig.cli.waiting import follow
    from mlconfig.engine.retrain import request_retrain

    plan, workspace = workspace_of(recipe, overrides)
    rollout = request_retrain(workspace, plan, reason)
    return follow(workspace, rollout, output=output)
