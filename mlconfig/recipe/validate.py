"""From a tree to a Recipe, or to all of its problems at once, each with its place and the nearest valid key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from mlconfig.errors import Problem
from mlconfig.recipe.places import DEFAULT, Places, dotted
from mlconfig.recipe.recipe import Recipe
from mlconfig.recipe.rules import Sections, check_rules
from mlconfig.recipe.sentences import expected, mistyped, sentence
from mlconfig.recipe.shape import clip_to_shape, described, keys_at


def validate(tree: dict[str, Any], places: Places, project: Path) -> tuple[Recipe | None, list[Problem]]:
    """The recipe, or None and what is wrong with it. Rules across sections are checked between those that passed."""
    try:
        recipe = Recipe.model_validate_json(json.dumps(tree), strict=True)
    except ValidationError as error:
        problems = problems_of(error, "", lambda path: path, Recipe, places)
        broken = {problem.path.split(".")[0] for problem in problems}
        return None, problems + check_rules(_passed(tree, broken), places)
    recipe._project, recipe._places, recipe._tree = project, places, tree  # noqa: SLF001  # its only maker
    problems = check_rules(dict(recipe), places)
    return (None, problems) if problems else (recipe, [])


def _passed(tree: dict[str, Any], broken: set[str]) -> Sections:
    """The sections without a problem of their own, validated one by one."""
    passed: dict[str, Any] = {}
    for name, field in Recipe.model_fields.items():
        if name in broken:
            continue
        if name not in tree:
            passed[name] = field.get_default(call_default_factory=True)
            continue
        adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
        passed[name] = adapter.validate_json(json.dumps(tree[name]), strict=True)
    return passed


def problems_of(
    error: ValidationError,
    base: str,
    place: Callable[[str], str],
    model: type[BaseModel] | None = None,
    places: Places | None = None,
) -> list[Problem]:
    """What a failed validation says, in our words.

    Args:
        error: of a model of ours or of a plugin's params.
        base: the path in the recipe of what was validated.
        place: the place of a path in the recipe; where it answers ``default``, the next path above is asked.
        model: what was validated; with it the nearest valid key is named.
        places: where the keys were written; it goes before ``place``, and knows keys that hold dots.
    """
    found: dict[str, Problem] = {}
    for fault in error.errors(include_url=False, include_context=True):
        raw = tuple(part for part in fault["loc"] if part != "[key]")
        keys = raw if model is None else clip_to_shape(model, raw)
        path = ".".join(part for part in (base, dotted(keys)) if part)
        where = places.nearest(keys).where if places is not None else _written(place, path)
        what, hint = sentence(fault["type"], fault["msg"], fault.get("ctx", {}), fault["input"])
        if fault["type"] == "extra_forbidden":
            hint = _nearest(str(keys[-1]), keys_at(model, keys[:-1]) if model is not None else ())
        elif fault["type"] == "missing":
            hint = mistyped(keys) or described(model, keys) if model is not None else ""
        elif fault["type"] in ("model_type", "model_attributes_type", "dict_type", "dataclass_type"):
            hint = expected(model, keys, fault["input"]) if model is not None else ""
        if path in found and found[path].what != what:
            found[path] = _either(found[path], what)
        else:
            found.setdefault(path, Problem(where, path, what, hint))
    return list(found.values())


def _written(place: Callable[[str], str], path: str) -> str:
    """The place of the nearest written path at or above one."""
    where = place(path)
    while where == DEFAULT and path:
        path = path.rpartition(".")[0]
        where = place(path)
    return where


def _either(first: Problem, what: str) -> Problem:
    """One problem for the branches of a union."""
    start, sep, got = what.partition("; got ")
    told = first.what.partition("; got ")[0]
    return Problem(first.where, first.path, f"{told} or {start.removeprefix('must be ')}{sep}{got}", first.hint)


def _nearest(key: str, valid: Iterable[str]) -> str:
    close = get_close_matches(key, tuple(valid), n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    listed = ", ".join(valid)
    return f"valid here: {listed}" if listed else ""
