"""What the recipe's models say about a path: the keys valid there, whether a plugin stands there, what a word means.

Read off the models' annotations, so that nothing is said twice.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from mlconfig.recipe.places import Keys, value_at
from mlconfig.sections import EventTime
from mlconfig.sections.monitoring import STANDARD_SIGNALS
from mlconfig.vocabulary import PluginRef


def _branches(annotation: Any) -> tuple[Any, ...]:
    """The annotation without Annotated, null and words; more than one for a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _branches(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(branch for member in get_args(annotation) for branch in _branches(member))
    return () if annotation is type(None) or origin is Literal else (annotation,)


def _below(annotation: Any, key: str | int) -> Any:
    """The annotation one key further down, None when the key leads nowhere that has a shape."""
    for branch in _branches(annotation):
        if isinstance(branch, type) and issubclass(branch, BaseModel):
            for name, field in branch.model_fields.items():
                if key == (field.alias or name):
                    return field.annotation
        origin, args = get_origin(branch), get_args(branch)
        if isinstance(origin, type) and issubclass(origin, Mapping) and args and isinstance(key, str):
            return args[-1]
        if origin is tuple and args and isinstance(key, int):
            return args[0]
    return None


def annotation_at(root: Any, path: Keys) -> Any:
    """The annotation at a path below a model, None when there is none."""
    for key in path:
        root = _below(root, key)
        if root is None:
            return None
    return root


def model_at(root: Any, path: Keys) -> type[BaseModel] | None:
    """The model at a path, None when something else stands there."""
    for branch in _branches(annotation_at(root, path)):
        if isinstance(branch, type) and issubclass(branch, BaseModel):
            return branch
    return None


def keys_at(root: Any, path: Keys) -> tuple[str, ...]:
    """The keys that are valid at a path; none where the writer chooses them."""
    model = model_at(root, path)
    return () if model is None else tuple(field.alias or name for name, field in model.model_fields.items())


def described(root: Any, path: Keys) -> str:
    """What the models say about the key at a path."""
    model = model_at(root, path[:-1])
    fields = model.model_fields.items() if model is not None else ()
    return next((field.description or "" for name, field in fields if path[-1] == (field.alias or name)), "")


def takes_keys(root: Any, path: Keys) -> bool:
    """Whether a mapping whose keys the writer chooses stands at the path."""
    origins = (get_origin(branch) for branch in _branches(annotation_at(root, path)))
    return any(isinstance(origin, type) and issubclass(origin, Mapping) for origin in origins)


def clip_to_shape(root: Any, path: Keys) -> Keys:
    """The path up to where the models know it, and one key more; pydantic adds the branches of a union behind."""
    for size in range(1, len(path) + 1):
        if annotation_at(root, path[:size]) is None:
            known = annotation_at(root, path[: size - 1])
            return path[:size] if model_at(root, path[: size - 1]) is not None or known is Any else path[: size - 1]
    return path


def is_plugin(root: Any, path: Keys) -> bool:
    """Whether a plugin, {name, params}, stands at the path."""
    model = model_at(root, path)
    return model is not None and issubclass(model, PluginRef)


def standard_names(path: Keys) -> tuple[str, ...]:
    """The names at a path that need no plugin's name below them, because each stands for one."""
    return tuple(STANDARD_SIGNALS) if path == ("monitoring", "signals") else ()


def implied_name(path: Keys) -> str | None:
    """The plugin a name stands for when none is given: a standard signal's detector, a sink of its own name."""
    if path[:2] == ("monitoring", "signals") and len(path) == 3:
        standard = STANDARD_SIGNALS.get(str(path[2]))
        return None if standard is None else str(standard["name"])
    return str(path[2]) if path[:2] == ("alerts", "sinks") and len(path) == 3 else None


def spelled_out(root: Any, path: Keys, word: str) -> dict[str, Any] | None:
    """The mapping that a bare word is short for, None when words are not short for mappings there."""
    if word in ("auto", "none"):
        return {}
    if is_plugin(root, path):
        return {"name": word}
    return {"columns": [word]} if model_at(root, path) is EventTime else None


def says(root: Any, tree: Any, written: Keys, path: Keys) -> bool:
    """Whether what a tree writes at one path says what holds at another below it, or leaves it to a default."""
    try:
        value_at(tree, path)
    except KeyError:
        value = value_at(tree, written)
    else:
        return True
    rest = path[len(written) :]
    if isinstance(value, str):
        value = spelled_out(root, written, value)
    return value is None or (rest[0] in value if isinstance(value, (dict, list)) and len(rest) == 1 else False)
