"""Says in plain words what a validator found; no word of pydantic's own reaches a user."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from mlconfig.recipe.places import Keys
from mlconfig.recipe.shape import is_plugin, keys_at, standard_names, takes_keys
from mlconfig.vocabulary import format_duration

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
    "string": "text",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
    "dataclass": "a mapping",
    "none_required": "null",
    "time_delta": "a duration such as 5m",
}
_BOUNDS = {
    "greater_than": ("gt", "more than {}"),
    "greater_than_equal": ("ge", "at least {}"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "at most {}"),
    "multiple_of": ("multiple_of", "a multiple of {}"),
}


_PATTERNS = {
    r"^[a-z][a-z0-9_]*$": "lower-case letters, digits and _, beginning with a letter",
    r"^[\w.]+[:.]\w+$": "`module:function`",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "a bare name: letters, digits and _, no folder and no .py",
}


_SWITCHED_OFF: dict[Keys, str] = {
    ("monitoring", "signals"): "`monitoring: none` switches all of it off, `none` under a signal's name that signal",
    ("alerts", "sinks"): "write {} to tell nobody; `none` under a sink's name leaves that one out",
    ("retraining", "when"): "`retraining: none` leaves it to `mlconfig retrain`",
}
"""How to switch off what is no section and has names of its own; elsewhere an empty mapping does."""


def sentence(kind: str, message: str, context: Mapping[str, Any], value: Any) -> tuple[str, str]:
    """What is wrong, and a hint, for one error.

    Args:
        kind: pydantic's error type.
        message: pydantic's message, used only where one of our own validators wrote it.
        context: the bounds, choices or inner error.
        value: what was given.
    """
    if kind == "missing":
        return "is missing", ""
    if kind == "extra_forbidden":
        return "unknown key", ""
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", message)), ""
    if kind in ("literal_error", "enum"):
        return _choice(str(context.get("expected", "")), value)
    if kind in _BOUNDS:
        name, text = _BOUNDS[kind]
        return f"must be {text.format(_bound(context.get(name)))}; got {brief(value)}", ""
    return f"must be {_wanted(kind, context)}; got {brief(value)}", ""


def _bound(given: Any) -> str:
    """A bound as a recipe has it; below a null pydantic writes durations as Python does."""
    found = re.fullmatch(r"datetime\.timedelta\((?:0|(\w+=\d+(?:, \w+=\d+)*))\)", str(given))
    if found is not None:
        parts = [part.split("=") for part in found[1].split(", ")] if found[1] else []
        given = timedelta(**{unit: int(count) for unit, count in parts})
    if isinstance(given, timedelta):
        return format_duration(given) if given else "0 seconds"
    return str(given)


def _choice(choices: str, value: Any) -> tuple[str, str]:
    words = [word.strip("'") for word in choices.replace(" or ", ", ").split(", ")]
    close = get_close_matches(value, words, n=1) if isinstance(value, str) else []
    what = f"must be {choices.replace(chr(39), '')}; got {brief(value)}"
    return what, f"did you mean `{close[0]}`?" if close else ""


def _wanted(kind: str, context: Mapping[str, Any]) -> str:
    """What would have been right, by the family of the error's type."""
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern"))
        return _PATTERNS.get(pattern, f"text that matches `{pattern}`")
    if kind in ("string_too_short", "string_too_long"):
        length = context.get("min_length", context.get("max_length"))
        return f"text of at {'least' if kind.endswith('short') else 'most'} {length} characters"
    if kind in ("too_short", "too_long"):
        length = context.get("min_length", context.get("max_length"))
        return f"of at {'least' if kind.endswith('short') else 'most'} {length} items"
    family = max((known for known in _KINDS if kind.startswith(known)), key=len, default="")
    return _KINDS.get(family, "another kind of value")


def expected(model: type[BaseModel], path: Keys, given: Any = None) -> str:
    """A hint that shows what a mapping at a path looks like, or how to switch off what was to be."""
    if given == "none" and takes_keys(model, path):
        return _SWITCHED_OFF.get(path, "write {} for none of them")
    keys = keys_at(model, path)
    if is_plugin(model, path):
        return "a plugin's name, or {name: …, params: {…}}"
    return f"its keys: {', '.join(keys)}" if keys else ""


def mistyped(path: Keys) -> str:
    """A hint where a key is missing only because the name above it is no standard one; empty where it is of its own."""
    close = get_close_matches(str(path[-2]), standard_names(path[:-2]), n=1) if path[1:] else []
    return f"did you mean the signal `{close[0]}`? one of your own needs its detector's name" if close else ""


def brief(value: Any) -> str:
    """The value as JSON, cut short; of a collection only what it is."""
    if isinstance(value, (dict, list, tuple)):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, timedelta):
        return format_duration(value)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}…"
