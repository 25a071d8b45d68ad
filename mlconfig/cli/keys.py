"""``mlconfig keys``."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlconfig.cli.options import output_option, recipe_arguments

if TYPE_CHECKING:
    from mlconfig.lifecycle.keys import KeptKey

SCOPES = ("predict", "feedback", "admin")


def _duration(_: click.Context, __: click.Parameter, value: str | None) -> timedelta | None:
    """``90d``, or ``never``, which is null."""
    from mlconfig.vocabulary import parse_duration

    if value is None or value == "never":
        return None
    try:
        length = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if length <= timedelta(0):
        raise click.BadParameter("it must be longer than nothing")
    assert isinstance(length, timedelta)
    return length


def _name(_: click.Context, __: click.Parameter, value: str) -> str:
    """A name that fits into a line of a log."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", value):
        raise click.BadParameter(f"`{value}` is no name: letters, digits and . _ @ - (64 at most)")
    return value


@click.group("keys")
def command() -> None:
    """Make, list and revoke the keys of an endpoint (`serving.auth: keys`)."""


@command.command("create")
@recipe_arguments
@click.option("--client", required=True, callback=_name, help="Who gets it: a system or a person.")
@click.option(
    "--scope", "scopes", multiple=True, default=("predict",), show_default=True, type=click.Choice(SCOPES),
    help="What it allows; once for each.",
)  # fmt: skip
@click.option("--expires", callback=_duration, default="365d", show_default=True, help="90d, or never.")
@output_option
def create(
    recipe: Path,
    overrides: tuple[str, ...],
    client: str,
    scopes: tuple[Any, ...],
    expires: timedelta | None,
    output: str,
) -> None:
    """Make a key. It is shown now and never again; only a digest of it is kept.

    A client has two live keys at most, so that one can replace the other without a pause: create, exchange, revoke.
    """
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.keys import create_key

    plan, workspace = workspace_of(recipe, overrides)
    made = create_key(workspace, plan, client, scopes, expires, time.time())
    if output == "json":
        click.echo(json.dumps({"endpoint": made.endpoint, "key": made.key, **_tree(made.row)}, indent=2))
        return
    click.echo(made.key)
    until = "without end" if made.row.expires is None else f"until {_day(made.row.expires)}"
    click.echo(
        f"  for {client}: {', '.join(made.row.scopes)}, {until}; shown this once. Send it as Authorization: Bearer …",
        err=True,
    )


@command.command("list")
@recipe_arguments
@click.option("--all", "everything", is_flag=True, help="Revoked ones too.")
@click.option("--expiring", callback=_duration, help="Exit with 1 when a live key expires within this: 14d.")
@output_option
def list_all(
    recipe: Path, overrides: tuple[str, ...], everything: bool, expiring: timedelta | None, output: str
) -> int:
    """Show the keys, without what lets in."""
    from mlconfig.cli.places import workspace_of
    from mlconfig.cli.tables import console, table
    from mlconfig.engine.keys import list_keys

    plan, workspace = workspace_of(recipe, overrides)
    now = time.time()
    keys = [key for key in list_keys(workspace, plan) if everything or key.revoked_at is None]
    if output == "json":
        trees = [{**_tree(key), "state": key.state(now), "revoked_at": key.revoked_at} for key in keys]
        click.echo(json.dumps(trees, indent=2))
    elif not keys:
        click.echo("there is no key; `mlconfig keys create` makes one")
    else:
        console().print(
            table(("id", "client", "scopes", "state", "made", "ends"), ((_row(key, now), "") for key in keys))
        )
    soon = None if expiring is None else now + expiring.total_seconds()
    return int(soon is not None and any(_ends_before(key, now, soon) for key in keys))


@command.command("revoke")
@click.argument("recipe", type=click.Path(path_type=Path), metavar="RECIPE")
@click.argument("key_id", metavar="ID")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@output_option
def revoke(recipe: Path, key_id: str, overrides: tuple[str, ...], output: str) -> None:
    """Let the key of this ID in no more, from the next second on."""
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.keys import revoke_key

    plan, workspace = workspace_of(recipe, overrides)
    before = revoke_key(workspace, plan, _id_of(key_id), time.time())
    anew = before.revoked_at is None
    if output == "json":
        click.echo(json.dumps({**_tree(before), "revoked_before": not anew}, indent=2))
        return
    click.echo(f"{before.id} of {before.client} " + ("is revoked" if anew else "was revoked already"))


def _id_of(word: str) -> str:
    """Who pastes a whole key means its id, and finds it in no error."""
    parts = word.split("_")
    return parts[1] if parts[0] == "mlc" and len(parts) > 1 else word


def _tree(key: Any) -> dict[str, Any]:
    shown = key.model_dump(mode="json", include={"id", "client", "scopes", "created_at", "expires"})
    assert isinstance(shown, dict)
    return shown


def _row(key: KeptKey, now: float) -> tuple[str, ...]:
    ends = "never" if key.expires is None else _day(key.expires)
    return key.id, key.client, ", ".join(key.scopes), key.state(now), _day(key.created_at), ends


def _ends_before(key: KeptKey, now: float, moment: float) -> bool:
    return key.state(now) == "live" and key.expires is not None and key.expires < moment


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
