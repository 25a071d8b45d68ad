"""Request bodies: msgspec structs generated from the signature; a fault names its field and never echoes a value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from mlconfig.contracts.json_form import is_said_once, refuse_deep, refuse_repeated
from mlconfig.contracts.json_place import malformed
from mlconfig.contracts.protocol import Asked
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.records.bounds import FLOAT32_MAX, MAX_TEXT, MOMENT_MAX, MOMENT_MIN, WHOLE_MAX
from mlconfig.records.field_names import field_names
from mlconfig.records.prediction import moment_of, wall_clock
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.sections.serving import Limits

LIMITS = Limits()

_INT64 = Annotated[int, Meta(ge=-WHOLE_MAX, le=WHOLE_MAX)]
_WHOLE = Annotated[float, Meta(ge=float(-WHOLE_MAX), le=float(WHOLE_MAX), multiple_of=1.0)]
_FINITE = Annotated[float, Meta(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
_TEXT = Annotated[str, Meta(max_length=MAX_TEXT)]
_MOMENT = Annotated[str, Meta(max_length=64)] | Annotated[float, Meta(ge=MOMENT_MIN, le=MOMENT_MAX)]
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
    """A struct for one row; its attributes are ``f0, f1, …`` because a column's name may be no identifier.

    ``u0, u1, …`` are columns of the data that the model does not take: whatever stands there is passed over.
    """
    fields = field_names(signature)
    names = {f"f{index}": fields[column.name] for index, column in enumerate(signature.columns)}
    names |= {f"u{index}": fields[name] for index, name in enumerate(signature.unused)}
    required = [(f"f{i}", field_type(signature, c)) for i, c in enumerate(signature.columns) if c.required]
    optional = [(f"f{i}", field_type(signature, c), None) for i, c in enumerate(signature.columns) if not c.required]
    unused = [(f"u{i}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for i in range(len(signature.unused))]
    return msgspec.defstruct(
        "Row", [*required, *optional, *unused], rename=names, kw_only=True, forbid_unknown_fields=True, gc=False
    )


def decode_json(decode: Callable[[bytes], T], body: bytes, names: Sequence[str]) -> T:
    """Decode, or raise a RequestRefusedError: 400 for what is no JSON, 422 for what does not fit. ``names``: valid fields."""
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise fault_of(str(error), names) from None
    except RecursionError:
        raise RequestRefusedError(400, "the body is nested too deeply") from None
    except ValueError:  # malformed JSON, NaN, text that is not UTF-8, lone surrogates
        raise malformed(body, "send one UTF-8 encoded JSON object") from None


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


class RowDecoder:
    """Decodes rows of one signature: JSON of a row ``{…}`` or ``{"rows": [{…}, …]}``, or values by column."""

    def __init__(self, signature: Signature, limits: Limits = LIMITS) -> None:
        self.signature, self.limits = signature, limits
        row: Any = row_struct(signature)
        rows: Any = msgspec.defstruct(
            "Rows",
            [("rows", Annotated[list[row], Meta(min_length=1, max_length=limits.rows)])],
            forbid_unknown_fields=True,
        )
        self._rows = rows
        self._one, self._many = msgspec.json.Decoder(row).decode, msgspec.json.Decoder(rows).decode
        self._names = [column.name for column in signature.columns]
        self._escaped = {name: field for name, field in field_names(signature).items() if field != name}
        self._unused = [f"u{i}" for i in range(len(signature.unused))]
        self._optional = [f"f{i}" for i, column in enumerate(signature.columns) if not column.required]
        self._required = len(signature.columns) - len(self._optional)
        numbered = list(enumerate(signature.columns))
        self._moments = [(f"f{i}", c.name) for i, c in numbered if c.kind == "timestamp"]
        self._times = [c.name for c in signature.features if c.kind == "timestamp"]
        named = [(f"f{i}", c) for i, c in numbered if c.name == signature.event_time]
        self._event_time = named[0] if named else None

    @property
    def max_rows(self) -> int:
        """More rows in one request are refused."""
        return self.limits.rows

    def from_json(self, body: bytes) -> Asked:
        """Rows of a body; ``shape`` tells a bare row from a list of one. Raises RequestRefusedError (400, 422)."""
        one = _MANY.match(body) is None
        if self._escaped:
            refuse_repeated(body)
        renamed = self._renamed(body, one=one) if self._escaped else body
        try:
            decoded: Any = decode_json(self._one if one else self._many, renamed, self._names)
        except RequestRefusedError as problem:
            refuse_deep(body, self.limits.depth)
            raise self._in_own_names(problem) from None
        rows = [decoded] if one else decoded.rows
        unused = self._drop_unused(rows)
        if not self._escaped and not is_said_once(body, self._fields(rows) + unused + (not one)):
            refuse_repeated(body)
        if unused:
            refuse_deep(body, self.limits.depth)
        asked = self._finish(rows, one=one)
        asked.shape = one
        return asked

    def from_values(self, rows: Sequence[Mapping[str, Any]]) -> Asked:
        """Rows of values in Python's types; a number that is none (NaN) is a missing one. Raises RequestRefusedError (422)."""
        given = [{self._field(name): _known(value) for name, value in row.items()} for row in rows]
        try:
            decoded = msgspec.convert({"rows": given}, self._rows)
        except msgspec.ValidationError as error:
            raise self._in_own_names(fault_of(str(error), self._names)) from None
        self._drop_unused(decoded.rows)
        return self._finish(decoded.rows, one=False)

    def _fields(self, rows: Sequence[Any]) -> int:
        """How many fields that the model takes these rows have at least: a null counts as one that was left out."""
        count = self._required * len(rows)
        if self._optional:
            for row in rows:
                count += sum(getattr(row, name) is not None for name in self._optional)
        return count

    def _drop_unused(self, rows: Sequence[Any]) -> int:
        """Take out what the model does not take, since what nobody looks at is not logged either; how much that was."""
        count = 0
        for attribute in self._unused:
            for row in rows:
                if getattr(row, attribute) is not msgspec.UNSET:
                    setattr(row, attribute, msgspec.UNSET)
                    count += 1
        return count

    def _renamed(self, body: bytes, *, one: bool) -> bytes:
        """The body with fields in place of names that no struct can have; only such a signature pays for it."""
        tree = decode_json(msgspec.json.decode, body, self._names)
        rows = [tree] if one else tree["rows"]
        for index, row in enumerate(rows):
            if isinstance(row, dict):
                rows[index] = {self._field(name): value for name, value in row.items()}
        return msgspec.json.encode(rows[0] if one else tree)

    def _field(self, name: str) -> str:
        """A field's own spelling is nobody's name, so who sends it sends what is unknown."""
        return f"{name} " if name in self._escaped.values() else self._escaped.get(name, name)

    def _in_own_names(self, problem: RequestRefusedError) -> RequestRefusedError:
        for name, field in self._escaped.items():
            if problem.where == field or problem.where.endswith(f"].{field}"):
                where = problem.where.removesuffix(field) + name
                return RequestRefusedError(problem.status, problem.what, where, problem.hint)
        return problem

    def _finish(self, rows: list[Any], *, one: bool) -> Asked:
        times: list[tuple[float | None, ...]] = []
        event_times: list[float | None] = []
        for index, row in enumerate(rows):
            moments = self._parse_moments(row, "" if one else f"rows[{index}].") if self._moments else {}
            times.append(tuple([_wall_clock(moments[name]) for name in self._times]))
            event_times.append(self._when(row, moments))
        return Asked(rows, times, event_times, one)

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


def _known(value: Any) -> Any:
    """Binary formats have no null among floats; some write moments as such."""
    if value.__class__ is float and value != value:  # noqa: PLR0124 — NaN alone is not itself
        return None
    return value.isoformat() if isinstance(value, datetime) else value


def _wall_clock(moment: datetime | None) -> float | None:
    return None if moment is None else wall_clock(moment)
