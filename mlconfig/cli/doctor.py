"""``mlconfig doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from mlconfig.cli.options import output_option

STYLE = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "bad": ("✗", "red")}


@click.command("doctor")
@output_option
def command(output: str) -> int:
    """Check this machine: Python and packages, native libraries, memory and disk, the project's storage and state
    database, MLflow, Ray's head and its ports. Exits with 1 when something would keep mlconfig from working.
    """
    from mlconfig.cli.places import workspace_here
    from mlconfig.engine.doctor import examine

    bad = False
    found = []
    for check in examine(workspace_here(Path.cwd())):
        bad |= check.state == "bad"
        found.append(asdict(check))
        if output == "text":
            mark, colour = STYLE[check.state]
            click.secho(f" {mark} {check.what:<10} {check.found}", fg=colour if check.state != "ok" else None)
            if check.hint:
                click.echo(f"   {'':<10} {check.hint}")
    if output == "json":
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    return int(bad)
