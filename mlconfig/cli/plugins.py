"""``mlconfig plugins``."""

from __future__ import annotations

import json

import click

from mlconfig.cli.options import output_option
from mlconfig.cli.tables import console, table


@click.group("plugins")
def command() -> None:
    """List plugins."""


@command.command("list")
@click.argument("kind", required=False)
@output_option
def list_plugins(kind: str | None, output: str) -> None:
    """All plugins, or those of one KIND, with the package that brings them. Imports none of them."""
    from mlconfig.contracts.catalog import CONTRACTS, Catalog

    if kind is not None and kind.removesuffix("s") not in CONTRACTS:
        raise click.UsageError(f"there is no kind `{kind}`; there are {', '.join(CONTRACTS)}")
    kinds = [kind.removesuffix("s")] if kind is not None else list(CONTRACTS)
    listings = [listing for each in kinds for listing in Catalog().list(each)]
    if output == "json":
        click.echo(json.dumps([vars(listing) for listing in listings], indent=2))
        return
    rows = (((listing.kind, listing.name, listing.distribution, listing.target), "") for listing in listings)
    console().print(table(("kind", "name", "package", "class"), rows))
