"""``mlconfig schema``."""

from __future__ import annotations

import json

import click


@click.command("schema")
def command() -> None:
    """The JSON Schema of the recipe language, generated from the models, for editors."""
    from mlconfig.recipe.recipe import recipe_schema

    click.echo(json.dumps(recipe_schema(), indent=2, ensure_ascii=False))
