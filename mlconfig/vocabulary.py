"""Words that every room shares: how a name, a duration, a size, a column or a plugin is written and kept.

Everything here is frozen and reads strictly from JSON. Shorthand is expanded before validation and never by a Union,
because a Union puts its branches' names into the path of an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeVar, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

if TYPE_CHECKING:
    from croniter import croniter

Task = Literal["binary", "multiclass", "regression"]
Kind = Literal["numeric", "categorical", "boolean", "timestamp"]
Auto = Literal["auto"]
AUTO: Auto = "auto"

T = TypeVar("T")
V = TypeVar("V")


class Frozen(BaseModel):
    """A value: cannot change, knows no key but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class FrozenDict(dict[str, V]):
    """A mapping that cannot change, compares and serialises as a dict, and can be pickled."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this mapping cannot change")

    __setitem__ = __delitem__ = update = pop = popitem = clear = setdefault = __ior__ = _refuse

    def __reduce__(self) -> tuple[type, tuple[dict[str, V]]]:
        return type(self), (dict(self),)

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self)))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        values = handler.generate_schema(get_args(source)[0]) if get_args(source) else core_schema.any_schema()
        mapping = core_schema.dict_schema(core_schema.str_schema(), values)
        return core_schema.no_info_after_validator_function(cls, mapping)


class OrWord:
    """Marks ``T | Literal[words]``: a word stands for itself, all else is validated as ``T``, with T's own messages."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        members = get_args(source)
        words = tuple(word for member in members if get_origin(member) is Literal for word in get_args(member))
        (inner,) = (member for member in members if get_origin(member) is not Literal)
        schema = handler.generate_schema(inner)

        def keep_word(value: Any, validate: Any) -> Any:
            return value if isinstance(value, str) and value in words else validate(value)

        literal = core_schema.literal_schema(list(words))
        return core_schema.no_info_wrap_validator_function(
            keep_word,
            schema,
            serialization=core_schema.wrap_serializer_function_ser_schema(
                lambda value, nxt: value if isinstance(value, str) and value in words else nxt(value), schema=schema
            ),
            metadata={"pydantic_js_functions": [lambda whole, js: {"anyOf": [js(whole), js(literal)]}]},
        )


AutoOr = Annotated[T | Auto, OrWord()]
NoneOr = Annotated[T | Literal["none"], OrWord()]


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Tuple = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
"""A list in the recipe, a tuple in memory; accepted as either also below a shorthand."""

Names = Tuple[str]


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, str) else _as_tuple(value)


OneOrMore = Annotated[tuple[str, ...], BeforeValidator(_one_or_more), Field(min_length=1)]

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(value: Any) -> Any:
    """``250ms 30s 5m 1h 7d`` as a timedelta; what is no text is left to the validator behind."""
    if not isinstance(value, str):
        if isinstance(value, timedelta):
            return value
        raise ValueError("a duration is a number with its unit: 250ms 30s 5m 1h 7d")
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"`{value}` is no duration; write 250ms 30s 5m 1h 7d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def format_duration(value: timedelta) -> str:
    """The shortest spelling that ``parse_duration`` reads back, in the largest unit that divides it."""
    milliseconds = round(value.total_seconds() * 1000)
    if milliseconds == 0:
        return "0s"
    unit = next(unit for unit in ("d", "h", "m", "s", "ms") if milliseconds % round(_UNITS[unit] * 1000) == 0)
    return f"{milliseconds // round(_UNITS[unit] * 1000)}{unit}"


def plural(amount: int, word: str) -> str:
    """``1 window``, ``2 windows``."""
    return f"{amount:,} {word}{'' if amount == 1 else 's'}"


def rough_duration(seconds: float) -> str:
    """A time as people say it, to a tenth of its largest unit: ``3 d``, ``2.5 h``, ``40 s``."""
    name = next((unit for unit in ("d", "h") if seconds >= _UNITS[unit]), "min" if seconds >= _UNITS["m"] else "s")
    return f"{seconds / _UNITS[name[0]]:.1f}".removesuffix(".0") + f" {name}"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)$", "examples": ["1h"]}),
]

_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB)")


def parse_size(value: Any) -> Any:
    """``64KiB 1MiB 8GiB`` as bytes; a plain count of bytes stays one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"`{value}` is no size; write 64KiB 1MiB 8GiB")
    return int(float(match[1]) * _BYTES[match[2]])


def format_size(value: int) -> str:
    """The largest binary unit that divides a count of bytes."""
    unit = next((unit for unit in ("TiB", "GiB", "MiB", "KiB") if value and value % _BYTES[unit] == 0), "B")
    return f"{value // _BYTES[unit]}{unit}"


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*(B|KiB|MiB|GiB|TiB)$", "examples": ["8GiB"]}),
]


def _cron(value: Any) -> Any:
    """Five fields that some day fits; what is no text is left to the validator behind."""
    from croniter import CroniterBadDateError, croniter

    if not isinstance(value, str):
        return value
    if len(value.split()) != 5 or not croniter.is_valid(value):
        raise ValueError(f'`{value}` is no cron expression of five fields; write "0 3 * * 1"')
    try:
        croniter(value).get_next()
    except CroniterBadDateError:
        raise ValueError(f"no day fits `{value}`") from None
    return value


Cron = Annotated[str, BeforeValidator(_cron)]
"""Times by the calendar: minute, hour, day of the month, month, day of the week, in the recipe's time zone."""


def cron_after(cron: str, moment: float, zone: str) -> datetime:
    """The first time of a cron expression after a moment, in a time zone."""
    return _croniter(cron, moment, zone).get_next(datetime)


def cron_until(cron: str, moment: float, zone: str) -> datetime:
    """The last time of a cron expression that is not after a moment."""
    return _croniter(cron, moment + 1.0, zone).get_prev(datetime)


def _croniter(cron: str, moment: float, zone: str) -> croniter:
    from croniter import croniter

    return croniter(cron, datetime.fromtimestamp(moment, ZoneInfo(zone)))


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


def name_to_plugin(value: Any) -> Any:
    """A bare word is short for a plugin of that name."""
    return {"name": value} if isinstance(value, str) else value


class PluginRef(Frozen):
    """A plugin, named and never imported by path, with its own params."""

    name: str = Field(min_length=1, description="The plugin's name, as `mlconfig plugins list` shows it.")
    params: FrozenDict[Any] = Field(FrozenDict(), description="The plugin's own settings; they belong to the name.")


Plugin = Annotated[PluginRef, BeforeValidator(name_to_plugin)]


def words_to_map(value: Any) -> Any:
    """``[a, b]`` is short for ``{a: {}, b: {}}``; ``auto`` for nothing said."""
    if value == AUTO:
        return {}
    return {str(word): {} for word in value} if isinstance(value, (list, tuple)) else value


class Window(Frozen):
    """A half-open stretch of time, ``start <= t < end``, in seconds since 1970 (UTC)."""

    start: float
    end: float

    def __contains__(self, moment: float) -> bool:
        return self.start <= moment < self.end


def canonical(value: Mapping[str, Any] | BaseModel) -> str:
    """The one JSON text of a value: sorted keys, no spaces; what digests are made of."""
    import json

    tree = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
