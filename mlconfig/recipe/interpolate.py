"""``${data.target}`` refers to another value of the recipe; ``${secret:NAME}`` stays as it is; nothing else exists.

No resolver is involved, so none can run: a reference is looked up in the tree and nowhere else.
"""

from __future__ import annotations

import json
import re
from typing import Any

from mlconfig.errors import Problem
from mlconfig.recipe.limits import MAX_DEPTH, MAX_NODES
from mlconfig.recipe.places import Keys, Place, Places, dotted, split_path, value_at

_MARKER = r"\$\{secret:[A-Za-z_][A-Za-z0-9_]*\}"
_REFERENCE = re.compile(r"\$\{([A-Za-z_][\w-]*(?:\.[\w-]+)*)\}")
_ALLOWED = re.compile(f"{_MARKER}|{_REFERENCE.pattern}")


def foreign_reference(text: str) -> str | None:
    """The reason why a text holds a ``${…}`` that recipes do not have; None when all are known."""
    rest = _ALLOWED.sub("", text)
    if "${" not in rest:
        return None
    start = rest.index("${")
    return f"`{rest[start : start + 60]}` is not available in a recipe"


class _ReferenceError(Exception):
    """A reference that leads nowhere, in a circle, or to too much."""


class _Resolver:
    """Replaces references; what was built is counted, because references can multiply like aliases."""

    def __init__(self, tree: dict[str, Any], places: Places) -> None:
        self.tree, self.places = tree, places
        self.problems: list[Problem] = []
        self.built = 0

    def walk(self, value: Any, path: Keys) -> Any:
        if isinstance(value, dict):
            return {key: self.walk(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [self.walk(below, (*path, index)) for index, below in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        try:
            found = self.resolve(value, ())
        except (_ReferenceError, RecursionError) as error:
            what = str(error) if isinstance(error, _ReferenceError) else "references nest too deep"
            self.problems.append(Problem(self.places.nearest(path).where, dotted(path), what))
            return value
        self.note(value, path)
        return found

    def note(self, text: str, path: Keys) -> None:
        """Name both places of a value that stands elsewhere."""
        whole = _REFERENCE.fullmatch(text)
        if whole is not None:
            here, there = self.places.nearest(path), self.places.nearest(split_path(whole[1], self.tree))
            self.places.at[path] = Place(f"{here.where}, from {whole[1]} at {there.where}", here.shared)

    def resolve(self, text: str, chain: tuple[str, ...]) -> Any:
        whole = _REFERENCE.fullmatch(text)
        if whole is not None:
            return self.look_up(whole[1], chain)
        return _REFERENCE.sub(lambda match: self.as_text(match[1], chain), text)

    def as_text(self, name: str, chain: tuple[str, ...]) -> str:
        value = self.look_up(name, chain)
        if isinstance(value, (dict, list)):
            raise _ReferenceError(f"`${{{name}}}` stands inside a text but is no single value")
        text = value if isinstance(value, str) else json.dumps(value)
        self.count(1 + len(text) // 64)
        return text

    def look_up(self, name: str, chain: tuple[str, ...]) -> Any:
        if name in chain:
            raise _ReferenceError(f"`${{{name}}}` refers to itself through {' → '.join((*chain, name))}")
        if len(chain) >= MAX_DEPTH:
            raise _ReferenceError(f"more than {MAX_DEPTH} references in a row")
        try:
            value = value_at(self.tree, split_path(name, self.tree))
        except KeyError:
            raise _ReferenceError(f"`${{{name}}}` refers to nothing: the recipe does not write `{name}`") from None
        return self.copy(value, (*chain, name), 0)

    def copy(self, value: Any, chain: tuple[str, ...], depth: int) -> Any:
        self.count(1)
        if depth > MAX_DEPTH:
            raise _ReferenceError(f"references nest deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            return {key: self.copy(below, chain, depth + 1) for key, below in value.items()}
        if isinstance(value, list):
            return [self.copy(below, chain, depth + 1) for below in value]
        return self.resolve(value, chain) if isinstance(value, str) and "${" in value else value

    def count(self, more: int) -> None:
        self.built += more
        if self.built > MAX_NODES:
            raise _ReferenceError(f"references expand to more than {MAX_NODES:,} values")


def interpolate(tree: dict[str, Any], places: Places) -> tuple[dict[str, Any], list[Problem]]:
    """The tree with its references replaced, and those that cannot be. Places of replaced values name both places."""
    resolver = _Resolver(tree, places)
    return resolver.walk(tree, ()), resolver.problems
