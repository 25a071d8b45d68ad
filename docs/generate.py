"""Writes what the models say as pages: ``python docs/generate.py`` makes ``recipe.md`` and ``recipe.schema.json`` anew.

Nothing of the two is written by hand; a test makes them again and compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mlconfig.contracts.catalog import CONTRACTS, Catalog
from mlconfig.recipe.places import Keys, dotted
from mlconfig.recipe.recipe import Recipe, recipe_schema
from mlconfig.recipe.shape import described, is_plugin, keys_at, model_at, takes_keys
from mlconfig.vocabulary import PluginRef

DOCS = Path(__file__).resolve().parent
PLUGINS = {"PluginRef", "Model", "Sink", "Signal"}
BARE = {
    "name": "a", "task": "binary", "data": {"source": {"name": "csv"}, "target": "y"}, "features": {},
    "model": {"name": "ridge"}, "retraining": {"when": {"schedule": {}}},
}  # fmt: skip
"""The least recipe with every section in it: what else it holds is default."""

HEAD = """\
# The recipe

Made by `python docs/generate.py` out of the models in `mlconfig/sections/` and `mlconfig/recipe/recipe.py`; do not edit.
The same for editors is [recipe.schema.json](recipe.schema.json), which `mlconfig schema` prints.

Only `name`, `task`, `data.source`, `data.target`, `features` and `model` are required.

- A **section** may be a bare `auto`, which stands for its defaults; `serving`, `monitoring` and `retraining` may be `none`.
- A **plugin** is a name, or `{name: …, params: {…}}`. Params belong to the name: another name replaces them, the same
  name merges.
- **By name** is a mapping whose keys you choose. Where its values are params, `[a, b]` is short for `{a: {}, b: {}}`.
- **Durations** are written `250ms 30s 5m 1h 7d`, **sizes** `64KiB 1MiB 8GiB`; dates, times of day and cron are quoted.
- **Secrets** are `"${secret:NAME}"`, resolved where they are used and never written to a plan. `${data.target}` refers to
  another value of the recipe.
- `defaults:` lists groups, files of `conf/<group>/`; `- _self_` last lets the recipe win over them.
- **Paths** are relative to the project: the nearest folder above the recipe with `.mlconfig/`, `conf/` or `plugins/`, else
  the recipe's own.
- A key that is unknown, or has no effect on what is compiled, is an error.
"""


def recipe_page() -> str:
    """The reference: a table a section, then one a kind of plugin."""
    tree = Recipe.model_validate_json(json.dumps(BARE)).effective()
    sections = [name for name in Recipe.model_fields if model_at(Recipe, (name,)) is not None]
    top = _table(_row((name,), tree) for name in Recipe.model_fields if name not in sections)
    parts = [HEAD, "## At the top", top]
    for name in sections:
        parts += [f"## {name}", f"{described(Recipe, (name,))}{_off(name)}", _table(_rows((name,), tree))]
    return "\n\n".join(part.strip() for part in [*parts, *_plugin_parts()]) + "\n"


def _off(name: str) -> str:
    default = Recipe.model_fields[name].default
    return " Left out, it is `none`." if default is None else ""


def _rows(path: Keys, tree: Mapping[str, Any]) -> Iterator[str]:
    """A line for each key below a path, and for each below those; placeholders stand for names that are chosen."""
    for key in keys_at(Recipe, path):
        here = (*path, key)
        yield _row(here, tree)
        if takes_keys(Recipe, here):
            here = (*here, "<name>")
        if model_at(Recipe, here) is not None and model_at(Recipe, here) is not PluginRef:
            yield from _rows(here, tree)


def _row(path: Keys, tree: Mapping[str, Any]) -> str:
    model = model_at(Recipe, path[:-1]) if len(path) > 1 else Recipe
    assert model is not None
    key, value = str(path[-1]), _default(path, tree)
    field = next(field for name, field in model.model_fields.items() if key == (field.alias or name))
    below = isinstance(value, dict) and model_at(Recipe, path) is not None and not is_plugin(Recipe, path)
    default = "required" if field.is_required() else "" if below else _code(value)
    shown = dotted(path[1:]) if len(path) > 1 else key
    return f"| `{shown}` | {_shape(_schema_of(model)['properties'][key])} | {default} | {_prose(described(Recipe, path))} |"


def _default(path: Keys, tree: Any) -> Any:
    """The default at a path: in the bare recipe, or, below a name that is chosen or a null, what the model says."""
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            model = model_at(Recipe, path[:-1])
            assert model is not None
            return _defaults(model).get(str(path[-1]))
        tree = tree[key]
    return tree


def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_construct().model_dump(mode="json", by_alias=True, warnings=False)


@cache
def _schema_of(model: type[BaseModel]) -> Mapping[str, Any]:
    schema = recipe_schema()
    found: Mapping[str, Any] = schema if model is Recipe else schema["$defs"][model.__name__]
    return found


def _shape(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in words."""
    words = list(dict.fromkeys(_words(schema)))
    if "plugin" in words:
        words = [word for word in words if word != "text"]
    if "by name: plugin" in words:
        words = [word for word in words if word.partition(":")[0] != "by name" or word == "by name: plugin"]
    return " or ".join(words)


def _words(schema: Mapping[str, Any]) -> Iterator[str]:
    if "anyOf" in schema:
        yield from (word for each in schema["anyOf"] for word in _words(each))
    elif "enum" in schema or "const" in schema:
        yield from (f"`{word}`" for word in schema.get("enum", [schema.get("const")]))
    elif "$ref" in schema:
        yield "plugin" if schema["$ref"].rpartition("/")[2] in PLUGINS else "keys below"
    else:
        yield _word(schema)


def _word(schema: Mapping[str, Any]) -> str:
    kind, values = str(schema.get("type")), schema.get("additionalProperties")
    if kind == "array":
        return f"list of {_in_brackets(schema.get('items', {}))}"
    if kind == "object":
        return f"by name: {_in_brackets(values)}" if isinstance(values, dict) and values else "mapping"
    unit = {"1h": "duration", "8GiB": "size"}.get(*schema.get("examples", [""]))
    plain = {"integer": "whole number", "boolean": "true or false", "null": "`null`", "string": "text", "None": "any"}
    return unit or plain.get(kind, kind) + _bounds(schema)


def _in_brackets(schema: Mapping[str, Any]) -> str:
    shape = _shape(schema)
    return f"({shape})" if " or " in shape else shape


def _bounds(schema: Mapping[str, Any]) -> str:
    low = ("> ", schema["exclusiveMinimum"]) if "exclusiveMinimum" in schema else ("≥ ", schema.get("minimum"))
    high = ("< ", schema["exclusiveMaximum"]) if "exclusiveMaximum" in schema else ("≤ ", schema.get("maximum"))
    told = [f"{sign}{bound:,.12g}" for sign, bound in (low, high) if bound is not None]
    return f" {' and '.join(told)}" if told else ""


def _code(value: Any) -> str:
    return f"`{json.dumps(_short(value), ensure_ascii=False)}`".replace("|", r"\|")


def _short(value: Any) -> Any:
    """A value with plugins that say nothing but their name as that name."""
    if not isinstance(value, dict):
        return value
    if "name" in value and all(said in ({}, None, "auto") for key, said in value.items() if key != "name"):
        return value["name"]
    return {key: _short(below) for key, below in value.items()}


def _prose(text: str) -> str:
    """Text for a cell: no bar ends it, and no name in angle brackets is taken for a tag."""
    return re.sub(r"<(?=[A-Za-z])", "&lt;", text).replace("|", r"\|")


def _table(rows: Iterator[str]) -> str:
    return "\n".join(["| key | type | default | what it says |", "|---|---|---|---|", *rows])


def _plugin_parts() -> Iterator[str]:
    """Our own plugins by kind, with their params; `mlconfig plugins list` also shows those of other packages."""
    catalog = Catalog()
    yield "## Plugins that come with mlconfig\n\n`mlconfig plugins list` also shows those that other packages bring."
    for kind in CONTRACTS:
        names = [listing.name for listing in catalog.list(kind) if listing.distribution == "mlconfig"]
        yield f"### {kind}\n\n" + "\n".join(_plugin(catalog, kind, name) for name in names)


def _plugin(catalog: Catalog, kind: str, name: str) -> str:
    cls = catalog.load(kind, name)
    purpose = " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())
    schema = cls.Params.model_json_schema(by_alias=True)
    params = _params(schema, schema.get("$defs", {}), _defaults(cls.Params), "")
    return "\n".join([f"- **`{name}`** {_prose(purpose)}", *params])


def _params(
    schema: Mapping[str, Any], defs: Mapping[str, Any], defaults: Mapping[str, Any], above: str
) -> Iterator[str]:
    """A line for each param, and for each below it."""
    for key, value in schema.get("properties", {}).items():
        default = "required" if key in schema.get("required", []) else _code(defaults.get(key, value.get("default")))
        yield f"  - `{above}{key}` ({_shape(value)}; {default}): {_prose(value.get('description', ''))}"
        for each in value.get("anyOf", [value]):
            if "$ref" in each:
                yield from _params(defs[each["$ref"].rpartition("/")[2]], defs, {}, f"{above}{key}.")


def schema_text() -> str:
    """What ``mlconfig schema`` prints."""
    return json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"


PAGES = {"recipe.md": recipe_page, "recipe.schema.json": schema_text}

if __name__ == "__main__":
    for file, make in PAGES.items():
        (DOCS / file).write_text(make(), encoding="utf-8")
        print(DOCS / file)
