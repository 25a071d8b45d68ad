"""Limits on a YAML text, checked before anything builds a tree of it.

Counted on parse events, which need neither recursion nor memory for the tree: 400 KB of ``[`` overflow a loader's stack, and
a hundred bytes of aliases expand to gigabytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml

MAX_BYTES, MAX_NODES, MAX_DEPTH = 1 << 20, 20_000, 50

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Used for events and nodes only; no value is ever constructed by it."""


class LimitError(Exception):
    """A text beyond the limits; holds the reason and the line."""

    def __init__(self, what: str, line: int = 1) -> None:
        super().__init__(what, line)
        self.what, self.line = what, line


@dataclass
class _Open:
    """A collection whose end has not come yet: its anchor, the nodes before it, and the depth below it so far."""

    anchor: str | None
    before: int
    height: int = 0


@dataclass
class _Census:
    """Nodes and depth with aliases expanded, kept while the events go by."""

    nodes: int = 0
    open: list[_Open] = field(default_factory=list)
    anchored: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, nodes: int, height: int, line: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES:,} values, aliases expanded", line)
        if len(self.open) + height > MAX_DEPTH:
            raise LimitError(f"nested deeper than {MAX_DEPTH} levels", line)
        if self.open:
            self.open[-1].height = max(self.open[-1].height, height)

    def see(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchored:
                raise LimitError(f"the alias *{event.anchor} has no finished anchor &{event.anchor} before it", line)
            self.add(*self.anchored[event.anchor], line)
        elif isinstance(event, yaml.ScalarEvent):
            self.add(1, 0, line)
            if event.anchor:
                self.anchored[event.anchor] = (1, 0)
        elif isinstance(event, yaml.CollectionStartEvent):
            self.add(1, 1, line)
            self.open.append(_Open(event.anchor, self.nodes - 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            self.close()

    def close(self) -> None:
        done = self.open.pop()
        height = done.height + 1
        if done.anchor:
            self.anchored[done.anchor] = (self.nodes - done.before, height)
        if self.open:
            self.open[-1].height = max(self.open[-1].height, height)


def check_limits(text: str) -> None:
    """Refuse a text with too many values or too deep ones; the size in bytes was checked when it was read.

    Raises:
        LimitError: what is too much, and where.
        yaml.YAMLError: the text is no YAML.
    """
    census = _Census()
    for event in yaml.parse(text, Loader=LOADER):
        census.see(event)
