"""Finds a recipe's project, and the folders in which its groups are looked for."""

from __future__ import annotations

import os
from pathlib import Path

_SIGNS = (".mlconfig", "conf", "plugins")


def find_project(recipe: Path) -> Path:
    """The nearest folder above the recipe that holds ``.mlconfig/``, ``conf/`` or ``plugins/``, else the recipe's own.

    Paths in a recipe are relative to it.
    """
    own = Path(os.path.normpath(recipe.absolute())).parent
    return next((folder for folder in (own, *own.parents) if any((folder / sign).is_dir() for sign in _SIGNS)), own)


def our_conf() -> Path:
    """The groups that come with the package: inside it when installed, else beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def search_roots(recipe: Path, project: Path) -> tuple[Path, ...]:
    """Where groups are looked for, the first that has a file wins: the recipe's folder, the project's conf, ours."""
    folders = (Path(os.path.normpath(recipe.absolute())).parent, project.absolute() / "conf", our_conf())
    return tuple(dict.fromkeys(folder for folder in folders if folder.is_dir()))
