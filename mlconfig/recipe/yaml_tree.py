"""Reads a recipe's file: limits, then nodes with their lines, then plain values; what a recipe may not say is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlconfig.errors import Problem
from mlconfig.recipe.interpolate import foreign_reference
from mlconfig.recipe.limits import LOADER, MAX_BYTES, LimitError, check_limits
from mlconfig.recipe.places import Keys, Place, dotted, shown
from mlconfig.recipe.scalars import TrapError, checked_text, read_scalar

_MERGE = "tag:yaml.org,2002:merge"
_PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)


class UnreadableError(Exception):
    """A file of which nothing can be used; holds the one problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass
class YamlTree:
    """One file: its values, the place of each, what is wrong with it, and whether it spans sections."""

    file: str
    shared: bool
    value: dict[str, Any] = field(default_factory=dict)
    places: dict[Keys, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    spans_sections: bool = False

    def problem(self, line: int, path: Keys, what: str, hint: str = "") -> None:
        """Note what is wrong at a line."""
        self.problems.append(Problem(f"{self.file}:{line}", dotted(path), what, hint))


def read_yaml(file: Path, *, shared: bool) -> YamlTree:
    """Read one file of a recipe.

    Args:
        file: a recipe, or a group's file.
        shared: whether it is a group's file, which several recipes may use.

    Raises:
        UnreadableError: no text, no YAML, or beyond the limits; all else is noted in ``problems``.
    """
    name = shown(file)
    try:
        text = _text(file)
        check_limits(text)
        node = yaml.compose(text, Loader=LOADER)
    except LimitError as error:
        raise UnreadableError(Problem(f"{name}:{error.line}", "", error.what)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise UnreadableError(Problem(f"{name}:{line}", "", f"this is no YAML: {what}")) from None
    except (yaml.YAMLError, ValueError) as error:
        raise UnreadableError(Problem(f"{name}:1", "", f"this is no YAML: {str(error).splitlines()[0]}")) from None
    tree = YamlTree(name, shared)
    _check_header(tree, text)
    _Reader(tree).root(node)
    return tree


def _text(file: Path) -> str:
    """The file as text."""
    with file.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise LimitError("larger than 1 MiB")
    if b"\0" in raw:
        raise LimitError("a NUL character", raw[: raw.index(b"\0")].count(b"\n") + 1)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LimitError("this is not UTF-8 text", raw[: error.start].count(b"\n") + 1) from None


def _check_header(tree: YamlTree, text: str) -> None:
    for match in _PACKAGE.finditer(text):
        line = text.count("\n", 0, match.start(1)) + 1
        if match[1] == "_global_":
            tree.spans_sections = True
        else:
            tree.problem(line, (), f"`# @package {match[1]}` is not available", "only `# @package _global_` is")


class _Reader:
    """Walks the nodes of one file once."""

    def __init__(self, tree: YamlTree) -> None:
        self.tree = tree

    def root(self, node: yaml.Node | None) -> None:
        self.tree.places[()] = Place(f"{self.tree.file}:1", self.tree.shared)
        if isinstance(node, yaml.MappingNode):
            self.tree.value = self.mapping(node, ())
        elif node is not None and not (isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~")):
            self.tree.problem(node.start_mark.line + 1, (), "a recipe is a mapping of sections: `name: …`, `data: …`")

    def value(self, node: yaml.Node, path: Keys) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            self.check_tag(node, path, "seq")
            items = []
            for index, item in enumerate(node.value):
                self.tree.places[*path, index] = self.place(item)
                items.append(self.value(item, (*path, index)))
            return items
        assert isinstance(node, yaml.ScalarNode)
        return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: Keys) -> dict[str, Any]:
        self.check_tag(node, path, "map")
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for key, value in self.merged(value_node, path).items():
                    values.setdefault(key, value)
        own: set[str] = set()
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.key(key_node, path)
            if key in own:
                self.tree.problem(key_node.start_mark.line + 1, (*path, key), "written twice", "keep one of them")
            own.add(key)
            self.tree.places[*path, key] = self.place(key_node)
            values[key] = self.value(value_node, (*path, key))
        return values

    def merged(self, node: yaml.Node, path: Keys) -> dict[str, Any]:
        """What ``<<: *base`` brings in; of several the first wins."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        values: dict[str, Any] = {}
        for part in nodes:
            if not isinstance(part, yaml.MappingNode):
                self.tree.problem(node.start_mark.line + 1, path, "`<<` takes a mapping or a list of mappings")
                continue
            for key, value in self.mapping(part, path).items():
                values.setdefault(key, value)
        return values

    def key(self, node: yaml.Node, path: Keys) -> str:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode):
            self.tree.problem(line, path, "a key is a word, not a list or mapping")
            return f"<line {line}>"
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind not in ("str", "value"):
            read = {"bool": "a truth value", "int": "a number", "float": "a number", "null": "nothing"}.get(kind, kind)
            self.tree.problem(
                line, (*path, node.value), f"YAML reads the key `{node.value}` as {read}", f'quote it: "{node.value}"'
            )
        try:
            checked_text(node.value)
        except TrapError as error:
            self.tree.problem(line, path, error.what)
            return f"<line {line}>"
        if node.value == "_target_":
            self.tree.problem(
                line, (*path, "_target_"), "a recipe is data and runs no code", "name a plugin: {name: …, params: {…}}"
            )
        return str(node.value)

    def scalar(self, node: yaml.ScalarNode, path: Keys) -> Any:
        line = node.start_mark.line + 1
        try:
            value = read_scalar(node)
        except TrapError as error:
            self.tree.problem(line, path, error.what, error.hint)
            return node.value
        foreign = foreign_reference(value) if isinstance(value, str) else None
        if foreign is not None:
            self.tree.problem(line, path, foreign, "secrets are ${secret:NAME}, other values ${section.key}")
        return value

    def check_tag(self, node: yaml.Node, path: Keys, kind: str) -> None:
        if node.tag != f"tag:yaml.org,2002:{kind}":
            self.tree.problem(
                node.start_mark.line + 1,
                path,
                f"the tag `{node.tag}` is not available in a recipe",
                "a recipe is data and runs no code",
            )

    def place(self, node: yaml.Node) -> Place:
        return Place(f"{self.tree.file}:{node.start_mark.line + 1}", self.tree.shared)
