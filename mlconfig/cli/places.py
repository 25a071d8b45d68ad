"""Where a verb works: the workspace of a recipe, or of the folder it is called in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlconfig.cli.options import load_plan

if TYPE_CHECKING:
    from mlconfig.engine.workspace import Workspace
    from mlconfig.plan.plan import Plan


def workspace_of(recipe: Path, overrides: tuple[str, ...]) -> tuple[Plan, Workspace]:
    """The plan of a recipe and its project's workspace."""
    from mlconfig.engine.workspace import Workspace

    plan, project = load_plan(recipe, overrides)
    return plan, Workspace(project, plan.engine)


def workspace_here(folder: Path) -> Workspace:
    """The workspace of the nearest project above a folder, with the engine section that was applied there last."""
    from mlconfig.engine.live import applied_plans
    from mlconfig.engine.workspace import Workspace
    from mlconfig.recipe.project import find_project
    from mlconfig.sections import Engine

    bare = Workspace(find_project(folder / "any.yaml"), Engine())
    applied = applied_plans(bare)
    return Workspace(bare.project, applied[0].engine) if applied else bare
