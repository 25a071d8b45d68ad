"""Puts one value into a frozen step, below a path, and validates what comes out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)


def put(model: M, path: Sequence[str], value: Any) -> M:
    """A copy of the model with ``value`` at ``path``. Raises pydantic's ``ValidationError`` when it does not fit."""
    tree = model.model_dump(mode="json", by_alias=True)
    node = tree
    for key in path[:-1]:
        if not isinstance(node.get(key), dict):
            node[key] = {}
        node = node[key]
    node[path[-1]] = value
    return type(model).model_validate_json(json.dumps(tree), strict=True)
