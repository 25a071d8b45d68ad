"""Request bodies: msgspec structs generated from the signature; a fault names its field and never echoes a value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from mlconfig.records.prediction import moment_of, wall_clock
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.serving.refusal import RequestRefusedError

MAX_ROWS = 1000
MAX_TEXT = 1024
FLOAT32_MAX = 3.4028234663852886e38
"""A larger number would be infinite in the packaged model's inputs."""

_INT64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_WHOLE = Annotated[float, Meta(ge=-9.2e18, le=9.2e18, multiple_of=1.0)]
_FINITE = Annotated[float, Meta(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
_TEXT = Annotated[str, Meta(max_length=MAX_TEXT)]
_MOMENT = Annotated[str, Meta(max_length=64)] | Annotated[float, Meta(ge=-1e20, le=1e20)]
_TYPES: dict[tuple[str, bool], Any] = {
    ("numeric", False): _FINITE,
    ("numeric", True): _INT64 | _WHOLE,
    ("boolean", False): bool,
    ("boolean", True): bool,
    ("categorical", False): _TEXT,
    ("categorical", True): _TEXT | bool | _INT64 | _FINITE,
    ("timestamp", False): _MOMENT,
    ("timestamp", True): _MOMENT,
}

_MANY = re.compile(rb'\s*\{\s*"rows"\s*:\s*\[')
_PLACE = re.compile(r"^(?P<what>.*) - at `\$\.?(?P<path>[^`]*)`$", re.DOTALL)
_FIELD = re.compile(r"^Object (?P<fault>missing required|contains unknown) field `(?P<name>.*)`$", re.DOTALL)
_TYPE = re.compile(r"`([a-z |]+)`")
_WORDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}

T = TypeVar("T")


def takes_numbers(signature: Signature, column: SignatureColumn) -> bool:
    """Whether the categories of a column may be written as numbers or booleans: its type or the example tells.

    Context is not predicted from, so there the client may choose.
    """
    example = signature.example.get(column.name)
    return column.role == "context" or column.integer or not (example is None or isinstance(example, str))


def field_type(signature: Signature, column: SignatureColumn) -> Any:
    """The msgspec type of a request's field."""
    whole = takes_numbers(signature, column) if column.kind == "categorical" else column.integer
    kind = _TYPES[column.kind, whole]
    return kind | None if column.nullable else kind


def row_struct(signature: Signature) -> type[msgspec.Struct]:
    """A struct for one row; its attributes are ``f0, f1, …`` because a column's name may be no identifier."""
    names = {f"f{index}": column.name for index, column in enumerate(signature.columns)}
    required = [(f"f{i}", field_type(signature, c)) for i, c in enumerate(signature.columns) if c.required]
    optional = [(f"f{i}", field_type(signature, c), None) for i, c in enumerate(signature.columns) if not c.required]
    return msgspec.defstruct(
        "Row", [*required, *optional], rename=names, kw_only=True, forbid_unknown_fields=True, gc=False
    )


def decode_json(decode: Callable[[bytes], T], body: bytes, names: Sequence[str]) -> T:
    """Decode, or raise a RequestRefusedError: 400 for what is no JSON, 422 for what does not fit. ``names``: valid fields."""
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise fault_of(str(error), names) from None
    except RecursionError:
        raise RequestRefusedError(400, "the body is nested too deeply") from None
    except ValueError:  # malformed JSON, text that is not UTF-8, lone surrogates
        raise RequestRefusedError(
            400, "the body is not valid JSON", hint="send one UTF-8 encoded JSON object"
        ) from None


def fault_of(text: str, names: Sequence[str]) -> RequestRefusedError:
    """The message of msgspec as ours. It holds types and names of fields, never values; a name from the client is cut."""
    match = _PLACE.match(text)
    what, path = (match["what"], match["path"]) if match else (text, "")
    field = _FIELD.match(what)
    if field is None:
        what = _TYPE.sub(_in_words, what.replace("`float` that's a multiple of 1.0", "a whole number"))
        return RequestRefusedError(422, what[:1].lower() + what[1:], path or "body")
    name = field["name"][:64]
    where = f"{path}.{name}" if path else name
    if field["fault"] == "missing required":
        return RequestRefusedError(422, "the field is required", where, "send null where the signature allows it")
    close = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean `{close[0]}`?" if close else "GET the endpoint to see the fields it takes"
    return RequestRefusedError(422, "the field is unknown", where, hint)


def _in_words(match: re.Match[str]) -> str:
    """The types of msgspec's message (`` `float | null` ``) as words."""
    return " or ".join(_WORDS.get(name, name) for name in match[1].split(" | "))


@dataclass(frozen=True, slots=True)
class Request:
    """A decoded request. ``rows``: structs; ``times``: wall-clock seconds of each row's timestamp features; ``event_times``:
    seconds since 1970 (UTC) or None. ``one`` tells a bare row from a list of one.
    """

    rows: list[Any]
    times: list[tuple[float | None, ...]]
    event_times: list[float | None]
    one: bool


class RowDecoder:
    """Decodes bodies of one signature: a row ``{…}`` or ``{"rows": [{…}, …]}``, at most 1,000 of them."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        row: Any = row_struct(signature)
        rows: Any = msgspec.defstruct(
            "Rows",
            [("rows", Annotated[list[row], Meta(min_length=1, max_length=MAX_ROWS)])],
            forbid_unknown_fields=True,
        )
        self._one, self._many = msgspec.json.Decoder(row).decode, msgspec.json.Decoder(rows).decode
        self._names = [column.name for column in signature.columns]
        numbered = list(enumerate(signature.columns))
        self._moments = [(f"f{i}", c.name) for i, c in numbered if c.kind == "timestamp"]
        self._times = [c.name for c in signature.features if c.kind == "timestamp"]
        named = [(f"f{i}", c) for i, c in numbered if c.name == signature.event_time]
        self._event_time = named[0] if named else None

    def decode(self, body: bytes) -> Request:
        """Raises RequestRefusedError (400, 422) with the field's name."""
        if _MANY.match(body):
            rows = decode_json(self._many, body, self._names).rows
            return self._finish(rows, one=False)
        return self._finish([decode_json(self._one, body, self._names)], one=True)

    def _finish(self, rows: list[Any], *, one: bool) -> Request:
        times: list[tuple[float | None, ...]] = []
        event_times: list[float | None] = []
        for index, row in enumerate(rows):
            moments = self._parse_moments(row, "" if one else f"rows[{index}].") if self._moments else {}
            times.append(tuple([_wall_clock(moments[name]) for name in self._times]))
            event_times.append(self._when(row, moments))
        return Request(rows, times, event_times, one)

    def _parse_moments(self, row: Any, path: str) -> dict[str, datetime | None]:
        return {name: self._parse(getattr(row, attribute), path + name) for attribute, name in self._moments}

    def _parse(self, value: Any, where: str) -> datetime | None:
        try:
            moment = None if value is None else moment_of(value, self.signature.time_zone)
            if moment is not None:
                moment.timestamp()
        except (ValueError, OverflowError, OSError):
            hint = "send ISO 8601 text (2026-01-31T12:00:00Z) or seconds since 1970"
            raise RequestRefusedError(422, "the value is no moment in time", where, hint) from None
        return moment

    def _when(self, row: Any, moments: dict[str, datetime | None]) -> float | None:
        """The event time; a number counts as seconds since 1970, text that is no moment as unknown."""
        if self._event_time is None:
            return None
        attribute, column = self._event_time
        if column.kind == "timestamp":
            moment = moments[column.name]
            return None if moment is None else moment.timestamp()
        value = getattr(row, attribute)
        return None if value is None or isinstance(value, (str, bool)) else float(value)


def _wall_clock(moment: datetime | None) -> float | None:
    return None if moment is None else wall_clock(moment)
