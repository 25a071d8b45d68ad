"""``mlconfig show``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mlconfig.cli.options import load, output_option, recipe_arguments


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
    _print_table(loaded.values_with_origins())


def _print_table(rows: object) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("key", "value", "from", box=None, header_style="bold", pad_edge=False)
    for path, value, origin in rows:  # type: ignore[attr-defined]
        style = "dim" if origin == "default" else ""
        table.add_row(path, json.dumps(value, ensure_ascii=False), origin, style=style)
    Console(soft_wrap=True).print(table)
