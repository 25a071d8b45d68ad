"""Where each value of a recipe came from: ``recipes/churn.yaml:7``, or the override that set it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Keys = tuple[str | int, ...]
"""A path of the recipe, key by key; a whole number is the index of a list."""

DEFAULT = "default"


def dotted(path: Keys) -> str:
    """The path as people write it."""
    return ".".join(str(key) for key in path)


def shown(file: Path) -> str:
    """The file as seen from the current folder when it lies below it, else in full."""
    full = Path(os.path.normpath(file.absolute()))
    return str(full.relative_to(Path.cwd()) if full.is_relative_to(Path.cwd()) else full)


@dataclass(frozen=True)
class Place:
    """One origin; `shared` when it is a group's file, which several recipes may use."""

    where: str
    shared: bool = False


@dataclass
class Places:
    """The place of each written path; the last writer wins."""

    at: dict[Keys, Place] = field(default_factory=dict)

    def write(self, other: Mapping[Keys, Place], prefix: Keys = ()) -> None:
        """Take over what a later writer says."""
        self.at.update({prefix + path: place for path, place in other.items()})

    def forget(self, path: Keys) -> None:
        """Drop a path with all below it."""
        self.at = {known: place for known, place in self.at.items() if known[: len(path)] != path}

    def keep(self, tree: Any) -> None:
        """Drop what is no longer in the tree: replaced params, shorter lists, sections that became a word."""
        alive = set(paths_of(tree))
        self.at = {path: place for path, place in self.at.items() if path in alive}

    def nearest(self, path: Keys) -> Place:
        """The path's own place, else the nearest one above it."""
        while path and path not in self.at:
            path = path[:-1]
        return self.at.get(path, Place("recipe"))


def paths_of(tree: Any, path: Keys = ()) -> Iterator[Keys]:
    """All paths of a tree, the root's first."""
    yield path
    below = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, (list, tuple)) else ()
    for key, value in below:
        yield from paths_of(value, (*path, key))


def value_at(tree: Any, path: Keys) -> Any:
    """The value at a path; KeyError when there is none."""
    for key in path:
        try:
            tree = tree[int(key)] if isinstance(tree, (list, tuple)) else tree[key]
        except (IndexError, ValueError, TypeError) as error:
            raise KeyError(key) from error
    return tree


def split_path(text: str, *trees: Any) -> Keys:
    """The keys of a dotted path; a key that holds dots itself (a searched path, a column) is found in the trees."""
    words: list[str] = text.split(".") if text else []
    path: list[str | int] = []
    while words:
        size = next((n for n in range(len(words), 0, -1) if _known(trees, (*path, ".".join(words[:n])))), 1)
        key = ".".join(words[:size])
        path.append(int(key) if key.isdigit() and any(_is_list(tree, tuple(path)) for tree in trees) else key)
        words = words[size:]
    return tuple(path)


def _known(trees: tuple[Any, ...], path: Keys) -> bool:
    for tree in trees:
        try:
            value_at(tree, path)
        except KeyError:
            continue
        return True
    return False


def _is_list(tree: Any, path: Keys) -> bool:
    try:
        return isinstance(value_at(tree, path), (list, tuple))
    except KeyError:
        return False
