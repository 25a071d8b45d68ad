"""The JSON Schema of the recipe language: what the models say, and the shorthand that is spelled out before them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from mlconfig.vocabulary import format_duration

_WORD: JsonSchemaValue = {"type": "string", "minLength": 1}
_WORDS: JsonSchemaValue = {"type": "array", "items": _WORD}
_AUTO: JsonSchemaValue = {"const": "auto"}

SHORTHAND: dict[str, tuple[JsonSchemaValue, ...]] = {
    "name_to_plugin": (_WORD,),
    "words_to_map": (_WORDS, _AUTO),
    "_one_or_more": (_WORD,),
    "_column_to_event_time": (_WORD,),
    "_sinks": (_WORDS, {"type": "object", "additionalProperties": {"anyOf": [_WORD, {"type": "object"}]}}),
    "_with_standard_signals": (
        _AUTO,
        {"type": "object", "additionalProperties": {"anyOf": [_WORD, {"type": "object"}]}},
    ),
    "_without_removed": ({"type": "object", "additionalProperties": {"enum": ["drop", "hmac", "none"]}},),
    "_auto_to_defaults": (_AUTO,),
    "_none_to_null": ({"enum": ["auto", "none"]},),
}
"""What each function that spells shorthand out also takes."""


class RecipeSchema(GenerateJsonSchema):
    """Adds to each value the shorthand that stands for it."""

    def encode_default(self, dft: Any) -> Any:
        """A duration as the recipe writes it."""
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return [self.encode_default(each) for each in dft] if isinstance(dft, tuple) else super().encode_default(dft)

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """The value itself, or its shorthand."""
        spelled_out = super().function_before_schema(schema)
        also = SHORTHAND.get(getattr(schema["function"]["function"], "__name__", ""))
        return {"anyOf": [spelled_out, *also]} if also else spelled_out


def with_defaults_list(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a file: a recipe, and the list of groups it begins with.

    A file that names groups may leave to them what a recipe must say.
    """
    below = {name: _demands(section, schema["$defs"]) for name, section in schema["properties"].items()}
    asked = {name: {"if": {"type": "object"}, "then": {"required": keys}} for name, keys in below.items() if keys}
    entry = {"anyOf": [_WORD, {"type": "object", "minProperties": 1, "maxProperties": 1}]}
    listed = {"type": "array", "items": entry, "description": "The groups this file builds on, in order."}
    required = schema.pop("required", [])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "properties": {"defaults": listed, **schema["properties"]},
        "if": {"not": {"required": ["defaults"]}},
        "then": {"required": required, "properties": asked},
    }


def _demands(section: Any, models: dict[str, Any]) -> list[str]:
    """Take away, and give back, the keys that a section's own model requires, however deep in alternatives it stands."""
    if isinstance(section, list):
        return [key for part in section for key in _demands(part, models)]
    if "$ref" in section:
        return list(models[section["$ref"].rpartition("/")[2]].pop("required", []))
    return _demands(section.get("anyOf", []), models)
