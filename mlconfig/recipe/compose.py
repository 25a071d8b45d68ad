"""Composes one tree: the files that were chosen, those that the command line chose last, then its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from mlconfig.errors import Problem
from mlconfig.recipe.files import RECIPE, Files
from mlconfig.recipe.merge import MergeError, Merger
from mlconfig.recipe.overrides import Setting, apply_setting
from mlconfig.recipe.places import Place, Places, paths_of, value_at
from mlconfig.recipe.recipe import Recipe
from mlconfig.recipe.shape import annotation_at, is_plugin


@dataclass(frozen=True)
class Chosen:
    """Files by name with the section each fills, in the order of merging; and the option of each group."""

    files: tuple[tuple[str, str], ...]
    options: dict[str, str]


class Composer:
    """One composition. `choose` maps group overrides to the files of the recipe."""

    def __init__(self, files: Files, choose: Callable[[Sequence[str]], Chosen]) -> None:
        self.files, self.choose = files, choose
        self.merger = Merger(Recipe)
        self.found: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        """What is wrong in the files that were read, and with the overrides."""
        return [problem for tree in self.files.trees.values() for problem in tree.problems] + self.found

    def compose(self, settings: Sequence[Setting]) -> tuple[dict[str, Any], Places]:
        """The tree, and the place of each value.

        Raises:
            UnreadableError: a file of which nothing can be used.
        """
        first = self.choose(())
        groups: list[str] = []
        values: list[Setting] = []
        for setting in settings:
            self._sort(setting, first, groups, values)
        chosen = self.choose(groups) if groups else first
        places = Places()
        tree = self._merge_files(chosen, first, {group.lstrip("+").partition("=")[0] for group in groups}, places)
        for setting in values:
            try:
                tree = apply_setting(self.merger, tree, places, setting)
            except MergeError as error:
                self.found.append(setting.problem(str(error)))
            places.keep(tree)
        return tree, places

    def _sort(self, setting: Setting, first: Chosen, groups: list[str], values: list[Setting]) -> None:
        """A setting chooses a group's file, or is a value, or is neither."""
        group = setting.key.lstrip("/")
        options = self.files.options(group) if "." not in group else []
        in_list = group in first.options
        if setting.deletes:
            if in_list:
                groups.append(f"~{group}")
            if not in_list or self._written(group, first):
                values.append(setting)
        elif isinstance(setting.value, str) and setting.value in options:
            groups.append(f"{group}={setting.value}" if in_list else f"+{group}={setting.value}")
        elif isinstance(setting.value, str) and options and not self._may_be(group, setting.value):
            close = get_close_matches(setting.value, options, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(options)}"
            self.found.append(setting.problem(f"there is no file `{group}/{setting.value}.yaml`", hint))
        else:
            if isinstance(setting.value, str) and in_list:
                groups.append(f"~{group}")
            values.append(setting)

    def _may_be(self, group: str, word: str) -> bool:
        """Whether a word that names no file may be a plugin, or a section's word."""
        path = tuple(group.split("/"))
        return is_plugin(Recipe, path) or (word in ("auto", "none") and annotation_at(Recipe, path) is not None)

    def _written(self, group: str, chosen: Chosen) -> bool:
        """Whether a file outside the group itself writes the section."""
        path = tuple(group.split("/"))
        return any(package != ".".join(path) and path in self.files.read(name).places for name, package in chosen.files)

    def _merge_files(self, chosen: Chosen, first: Chosen, swapped: set[str], places: Places) -> dict[str, Any]:
        """Files in Hydra's order, but those that the command line chose last."""
        swapped = {group.lstrip("~") for group in swapped}
        early = [file for file in chosen.files if file[0].rpartition("/")[0] not in swapped]
        late = [file for file in chosen.files if file not in early]
        tree = self._merge(early, {}, places)
        if swapped:
            tree = _with_names(tree, self._merge(first.files, {}, Places()))
        return self._merge(late, tree, places)

    def _merge(self, names: Sequence[tuple[str, str]], tree: dict[str, Any], places: Places) -> dict[str, Any]:
        for name, package in names:
            file = self.files.read(name)
            prefix = tuple(part for part in package.split(".") if part and part != "_global_")
            value: Any = file.value
            for key in reversed(prefix):
                value = {key: value}
            tree = self.merger.merge(tree, value)
            own = {path: place for path, place in file.places.items() if path or prefix or name == RECIPE}
            for size in range(1, len(prefix)):
                places.at.setdefault(prefix[:size], Place(f"{file.file}:1", file.shared))
            places.write(own, prefix)
            places.keep(tree)
        return tree


def _with_names(tree: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The tree with the plugin names that held before the command line chose: the params there belong to them."""
    for path in list(paths_of(tree)):
        node = value_at(tree, path)
        if not isinstance(node, dict) or "name" in node or not path or not is_plugin(Recipe, path):
            continue
        try:
            old = value_at(before, path)
        except KeyError:
            continue
        name = old.get("name") if isinstance(old, dict) else old
        if isinstance(name, str):
            tree = Merger(Recipe).put(tree, tuple(str(key) for key in path), {"name": name})
    return tree
