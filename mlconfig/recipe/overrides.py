"""Overrides once they are parsed: which are plain settings, and what may not be said on a command line either."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mlconfig.errors import Problem
from mlconfig.recipe.interpolate import foreign_reference
from mlconfig.recipe.limits import MAX_DEPTH, MAX_NODES
from mlconfig.recipe.merge import Merger, delete, fold
from mlconfig.recipe.places import Place, Places, paths_of
from mlconfig.recipe.scalars import TrapError, checked_text
from mlconfig.recipe.shape import is_plugin


@dataclass(frozen=True)
class Setting:
    """One override: its text, its key, its value, and whether it deletes."""

    text: str
    key: str
    value: Any = None
    deletes: bool = False

    @property
    def where(self) -> str:
        """As it is named in messages."""
        return f"override {self.text}"

    def problem(self, what: str, hint: str = "") -> Problem:
        """What is wrong with it."""
        return Problem(self.where, self.key.replace("/", "."), what, hint)


def plain_fault(value: Any) -> tuple[str, str] | None:
    """Why a parsed value is no plain data of a recipe; None when it is."""
    paths = list(paths_of(value))
    if len(paths) > MAX_NODES or max(len(path) for path in paths) > MAX_DEPTH:
        return f"more than {MAX_NODES:,} values, or nested deeper than {MAX_DEPTH} levels", ""
    if any(not isinstance(key, (str, int)) for path in paths for key in path) or not _words_only(value):
        return "a key is a word", "quote it"
    return _scalar_fault(value)


def _words_only(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _words_only(below) for key, below in value.items())
    return all(_words_only(item) for item in value) if isinstance(value, list) else True


def _scalar_fault(value: Any) -> tuple[str, str] | None:
    if isinstance(value, dict):
        if "_target_" in value:
            return "`_target_`: a recipe is data and runs no code", "name a plugin"
        return _first_fault((*value, *value.values()))
    if isinstance(value, list):
        return _first_fault(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"`{value}` is no finite number", "null stands for no bound"
    if isinstance(value, int) and abs(value) >= 10**300:
        return "a number with more than 300 digits", ""
    return _text_fault(value) if isinstance(value, str) else None


def _first_fault(values: Any) -> tuple[str, str] | None:
    return next((fault for fault in map(_scalar_fault, values) if fault is not None), None)


def _text_fault(text: str) -> tuple[str, str] | None:
    try:
        foreign = foreign_reference(checked_text(text))
    except TrapError as error:
        return error.what, error.hint
    return (foreign, "secrets are ${secret:NAME}, other values ${section.key}") if foreign is not None else None


def apply_setting(merger: Merger, tree: dict[str, Any], places: Places, setting: Setting) -> dict[str, Any]:
    """The tree with one setting carried out, and its places noted.

    Raises:
        MergeError: the setting reaches for something that is not there.
    """
    path = fold(tuple(setting.key.replace("/", ".").split(".")), tree)
    if setting.deletes:
        delete(tree, path)
        places.forget(path)
        return tree
    merged = merger.put(tree, path, setting.value)
    place = Place(setting.where)
    keys = tuple(
        int(key) if key.isdigit() and (*path[:at], int(key)) in places.at else key for at, key in enumerate(path)
    )
    if is_plugin(merger.root, keys) and isinstance(setting.value, str) and setting.value not in ("auto", "none"):
        places.at[*keys, "name"] = place
    elif not isinstance(setting.value, dict):
        places.forget(keys)
    for size in range(1, len(keys)):
        places.at.setdefault(keys[:size], place)
    places.write(dict.fromkeys(paths_of(setting.value), place), keys)
    return merged
