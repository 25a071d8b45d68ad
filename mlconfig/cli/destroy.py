"""``mlconfig destroy``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("destroy")
@click.argument("recipe", type=click.Path(path_type=Path), required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def command(recipe: Path | None, overrides: tuple[str, ...]) -> None:
    """End what was started: the endpoint of RECIPE, or without one everything of this folder's project.

    Data, versions, runs and the prediction log stay under `.mlconfig`; `mlconfig apply` brings the same version back. Only
    processes that we started are ended.
    """
    from mlconfig.cli.places import workspace_here, workspace_of
    from mlconfig.engine.destroy import destroy_all, destroy_endpoint

    if recipe is None:
        ended = destroy_all(workspace_here(Path.cwd()))
        click.echo(f"ended {ended} process(es)" if ended else "nothing was running")
        return
    plan, workspace = workspace_of(recipe, overrides)
    click.echo(destroy_endpoint(workspace, plan))
