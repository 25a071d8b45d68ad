"""Merges what files and overrides say into one tree.

Mappings merge key by key, all else is replaced. **Params belong to a name**: another plugin's name replaces them, the same
name merges. Where a later writer goes below a shorthand, the shorthand is spelled out first, so that `source: csv` and
`data.source.params.path=x` together keep the name.
"""

from __future__ import annotations

from typing import Any

from mlconfig.recipe.places import Keys, value_at
from mlconfig.recipe.shape import implied_name, is_plugin, spelled_out, takes_keys

RANGES = ("int", "float", "choice")
_DIMENSION = (*RANGES, "log")
_SPACE = ("tuning", "space")


class MergeError(Exception):
    """A place in the tree that a later writer cannot reach; holds the reason."""


class Merger:
    """Merges trees of one language; `root` is its root model, which says where plugins stand."""

    def __init__(self, root: Any) -> None:
        self.root = root

    def merge(self, base: Any, over: Any, path: Keys = ()) -> Any:
        """What `base` becomes when `over` is said later. Neither is altered."""
        if is_plugin(self.root, path) and isinstance(over, str) and isinstance(base, dict) and _is_name(over):
            over = {"name": over}
        if not isinstance(over, dict):
            return over
        if isinstance(base, list) and over and all(key.isdigit() for key in over):
            return self._into_list(base, over, path)
        base = self._as_mapping(base, path)
        if base is None:
            return over
        base = self._without_foreign_params(base, over, path)
        if path[:2] == _SPACE and len(path) == 3 and any(word in over for word in RANGES):
            base = {key: value for key, value in base.items() if key not in RANGES or key in over}
        return {**base, **{key: self.merge(base.get(key), value, (*path, key)) for key, value in over.items()}}

    def _as_mapping(self, base: Any, path: Keys) -> dict[str, Any] | None:
        if isinstance(base, dict):
            return base
        if isinstance(base, str):
            return spelled_out(self.root, path, base)
        if isinstance(base, list) and all(isinstance(word, str) for word in base):
            return {word: {} for word in base} if takes_keys(self.root, path) else None
        return None

    def _without_foreign_params(self, base: dict[str, Any], over: dict[str, Any], path: Keys) -> dict[str, Any]:
        if not is_plugin(self.root, path):
            return base
        before, after = base.get("name", implied_name(path)), over.get("name")
        if before is None or after is None or before == after:
            return base
        return {key: value for key, value in base.items() if key != "params"}

    def _into_list(self, base: list[Any], over: dict[str, Any], path: Keys) -> list[Any]:
        items = list(base)
        for key, value in over.items():
            index = int(key)
            if index >= len(items):
                raise MergeError(f"the list holds {len(items)} items, counted from 0; there is no {index}")
            items[index] = self.merge(items[index], value, (*path, index))
        return items

    def put(self, tree: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
        """The tree with a value put at a path, whether something stood there or not."""
        for key in reversed(path):
            value = {key: value}
        merged = self.merge(tree, value)
        assert isinstance(merged, dict)
        return merged


def _is_name(word: str) -> bool:
    return word not in ("auto", "none")


def delete(tree: dict[str, Any], path: tuple[str, ...]) -> None:
    """Take a written value out of the tree.

    Raises:
        MergeError: nothing is written there.
    """
    try:
        parent = value_at(tree, path[:-1])
        value_at(parent, path[-1:])
    except KeyError:
        raise MergeError("there is nothing to delete: no file writes it") from None
    if isinstance(parent, list):
        del parent[int(path[-1])]
    else:
        del parent[path[-1]]


def fold(path: tuple[str, ...], tree: dict[str, Any]) -> tuple[str, ...]:
    """The keys of an override; below `tuning.space` the searched path, dots and all, is one key."""
    rest = path[2:]
    if path[:2] != _SPACE or len(rest) < 2:
        return path
    tuning = tree.get("tuning")
    space = tuning.get("space") if isinstance(tuning, dict) else None
    written = isinstance(space, dict) and ".".join(rest) in space
    tail = 0 if written else 1 if rest[-1] in _DIMENSION else 2 if rest[-1].isdigit() and rest[-2] in RANGES else 0
    size = len(rest) - tail
    return (*_SPACE, ".".join(rest[:size]), *rest[size:]) if size else path
