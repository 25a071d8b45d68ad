"""The files of a recipe: where each is found, what each says, and whether its `defaults` list may say that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

from mlconfig.errors import Problem
from mlconfig.recipe.yaml_tree import UnreadableError, YamlTree, read_yaml

RECIPE = "__recipe__"
"""The name under which the recipe itself is read, whatever its file is called."""

_NAME = re.compile(r"/?[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)*")


@dataclass
class Files:
    """Reads each file once."""

    recipe: Path
    roots: tuple[Path, ...]
    trees: dict[str, YamlTree] = field(default_factory=dict)
    lists: dict[str, list[Any]] = field(default_factory=dict)

    def find(self, name: str) -> Path | None:
        """The file of a name such as ``model/lightgbm``: the first root that has it."""
        if name == RECIPE:
            return self.recipe
        found = (root / f"{name}.yaml" for root in self.roots)
        return next((file for file in found if file.is_file()), None)

    def options(self, group: str) -> list[str]:
        """What there is to choose in a group."""
        return sorted({file.stem for root in self.roots for file in (root / group).glob("*.yaml") if file.is_file()})

    def read(self, name: str) -> YamlTree:
        """One file, its ``defaults`` taken out and checked.

        Raises:
            UnreadableError: nothing of it can be used.
        """
        if name not in self.trees:
            file = self.find(name)
            assert file is not None, name
            try:
                tree = read_yaml(file, shared=name != RECIPE)
            except OSError as error:
                raise UnreadableError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
            self.trees[name] = tree
            if "hydra" in tree.value:
                del tree.value["hydra"]
                self._problem(tree, ("hydra",), "a recipe says nothing about Hydra itself", "remove it")
            self.lists[name] = list(self._defaults(tree, name))
            for path in [path for path in tree.places if path[:1] in (("defaults",), ("hydra",))]:
                del tree.places[path]
        return self.trees[name]

    def _defaults(self, tree: YamlTree, name: str) -> Iterator[Any]:
        """The sound entries of a file's ``defaults`` list; the others are noted."""
        entries = tree.value.pop("defaults", [])
        if not isinstance(entries, list):
            self._problem(tree, ("defaults",), "must be a list: [model: lightgbm, _self_]")
            return
        for index, entry in enumerate(entries):
            fault = self._fault(entry, name)
            if fault is None:
                yield entry
            else:
                self._problem(tree, ("defaults", index), *fault)

    def _fault(self, entry: Any, name: str) -> tuple[str, str] | None:
        if entry == "_self_":
            return None
        group, options, words = _parts(entry)
        if group is None or not set(words) <= {"optional", "override"}:
            return "an entry is `_self_`, a file, or `group: file`", ""
        if group.lstrip("/").split("/")[0] == "hydra" or "hydra/" in group:
            return "a recipe says nothing about Hydra itself", "remove it"
        for option in options:
            path = f"{group}/{option}" if group else option
            if "@" in path or "${" in path or not _NAME.fullmatch(path):
                return f"`{path[:60]}` is no name of a group and a file in it", "write `- model: lightgbm`"
            if "optional" not in words and self.find(self._absolute(path, name)) is None:
                return self._missing(self._absolute(path, name))
        return None

    def _absolute(self, path: str, name: str) -> str:
        """A group's file names others relative to its own folder, or from the root with a slash."""
        return path[1:] if path.startswith("/") else str(PurePosixPath(name).parent / path)

    def _missing(self, path: str) -> tuple[str, str]:
        folder, _, option = path.rpartition("/")
        options = self.options(folder)
        close = get_close_matches(option, options, n=1)
        listed = f"there are: {', '.join(options)}" if options and folder else ""
        return f"there is no file `{path}.yaml`", f"did you mean `{close[0]}`?" if close else listed

    def _problem(self, tree: YamlTree, path: tuple[str | int, ...], what: str, hint: str = "") -> None:
        line = int(tree.places[path].where.rpartition(":")[2])
        tree.problem(line, path, what, hint)


def _parts(entry: Any) -> tuple[str | None, list[str], list[str]]:
    """The group (empty for a file without one), the files in it, and the words before; None when it is no entry."""
    if isinstance(entry, str):
        return "", [entry], []
    if not isinstance(entry, dict) or len(entry) != 1:
        return None, [], []
    ((key, value),) = entry.items()
    *words, group = key.split() or [""]
    options = [value] if isinstance(value, str) else [] if value is None else value
    if not group or not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        return None, [], []
    return group, options, words
