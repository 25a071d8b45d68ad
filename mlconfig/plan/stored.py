"""A plan as a file: its seal, made and proved on what the file says, never on what this program would have written.

A file holds every value, so it goes on meaning what it meant when a later program has more keys, or other defaults. Files
of form 1 have no seal: each of their digests is of all values of its step, as the file has them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from mlconfig.vocabulary import canonical

Tree = dict[str, Any]
FIRST_FORM = 1
SEAL = "seal"
_PLACE = ("id", "kind", "inputs", "plugins", "notices")
"""What form 1 left out of a step's settings."""


def sealed(tree: Tree) -> Tree:
    """The tree with its seal."""
    return {**tree, SEAL: _seal(tree)}


def untouched(tree: Tree) -> bool:
    """Whether a tree that was read is as it was written. Its shape must have been checked before."""
    if tree["schema_version"] == FIRST_FORM:
        return bool(tree.get("digests") == _first_digests(tree["steps"]))
    return bool(tree.get(SEAL) == _seal(tree))


def _seal(tree: Tree) -> str:
    return _sha256({name: value for name, value in tree.items() if name != SEAL})


def _first_digests(steps: Sequence[Tree]) -> dict[str, str]:
    digests: dict[str, str] = {}
    for step in steps:
        parts = {
            "kind": step["kind"],
            "settings": {name: value for name, value in step.items() if name not in _PLACE},
            "plugins": [_without(pin, "distribution") for pin in step.get("plugins", ())],
            "inputs": {name: digests[name] for name in step.get("inputs", ())},
        }
        digests[step["id"]] = _sha256(parts)
    return digests


def _without(tree: Tree, name: str) -> Tree:
    return {key: value for key, value in tree.items() if key != name}


def _sha256(tree: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(tree).encode()).hexdigest()
