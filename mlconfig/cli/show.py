"""``mlconfig show``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mlconfig.cli.options import load, output_option, recipe_arguments
from mlconfig.cli.tables import console, table


@click.command("show")
@recipe_arguments
@output_option
def command(recipe: Path, overrides: tuple[str, ...], output: str) -> None:
    """The effective recipe: every value with its defaults filled in, and where it came from. Secrets stay markers."""
    loaded = load(recipe, overrides)
    if output == "json":
        rows = [
            {"path": path, "value": value, "origin": origin} for path, value, origin in loaded.values_with_origins()
        ]
        click.echo(json.dumps({"recipe": loaded.effective(), "origins": rows}, indent=2, ensure_ascii=False))
        return
    lines = (
        ((path, json.dumps(value, ensure_ascii=False), origin), "dim" if origin == "default" else "")
        for path, value, origin in loaded.values_with_origins()
    )
    console().print(table(("key", "value", "from"), lines))
