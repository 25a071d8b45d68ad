"""Types of a database's columns as Arrow's, and back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from mlconfig.errors import DataError

_TEXT = pa.string()
_POSTGRES = {
    16: pa.bool_(), 20: pa.int64(), 21: pa.int16(), 23: pa.int32(), 700: pa.float32(), 701: pa.float64(),
    25: _TEXT, 1043: _TEXT, 1042: _TEXT, 19: _TEXT, 17: pa.binary(), 1082: pa.date32(), 1083: pa.time64("us"),
    1114: pa.timestamp("us"), 1184: pa.timestamp("us", tz="UTC"),
}  # fmt: skip
_NUMERIC = 1700
_PYTHON: tuple[tuple[type, pa.DataType], ...] = (
    (bool, pa.bool_()), (int, pa.int64()), (float, pa.float64()), (Decimal, pa.float64()), (str, _TEXT),
    (dt.datetime, pa.timestamp("us")), (dt.date, pa.date32()), (bytes, pa.binary()),
)  # fmt: skip
_SQL: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], Any]], ...] = (
    (pa.types.is_boolean, lambda _: sa.Boolean()),
    (lambda kind: kind in (pa.int8(), pa.uint8(), pa.int16()), lambda _: sa.SmallInteger()),
    (lambda kind: kind in (pa.uint16(), pa.int32()), lambda _: sa.Integer()),
    (pa.types.is_integer, lambda _: sa.BigInteger()),
    (pa.types.is_float32, lambda _: sa.REAL()),
    (pa.types.is_floating, lambda _: sa.Double()),
    (pa.types.is_decimal, lambda kind: sa.Numeric(kind.precision, kind.scale)),
    (pa.types.is_string, lambda _: sa.Text()),
    (pa.types.is_large_string, lambda _: sa.Text()),
    (pa.types.is_null, lambda _: sa.Text()),
    (pa.types.is_date, lambda _: sa.Date()),
    (pa.types.is_time, lambda _: sa.Time()),
    (pa.types.is_timestamp, lambda kind: sa.DateTime(timezone=kind.tz is not None)),
)  # fmt: skip


def arrow_types(description: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[pa.DataType | None]:
    """The types of a result's columns: as PostgreSQL says, else (SQLite) as the first rows show; null where they do not."""
    types: list[pa.DataType | None] = []
    for place, column in enumerate(description):
        code = column[1]
        if isinstance(code, int):
            known = _POSTGRES.get(code, _TEXT)
            precise = code == _NUMERIC and column[5] is not None and column[4] is not None
            numeric = pa.decimal128(column[4], column[5]) if precise else pa.float64()
            types.append(numeric if code == _NUMERIC else known)
        else:
            types.append(_seen([row[place] for row in rows]))
    return types


def _seen(values: list[Any]) -> pa.DataType | None:
    found = {
        next((arrow for python, arrow in _PYTHON if isinstance(value, python)), _TEXT)
        for value in values
        if value is not None
    }
    if len(found) > 1:
        return pa.float64() if found <= {pa.int64(), pa.float64()} else _TEXT
    return found.pop() if found else None


def table_of(rows: Sequence[Sequence[Any]], schema: pa.Schema, where: str) -> pa.Table:
    """Rows of a result as a table. Raises DataError when a value is of another type than its column's."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table(
        [_array(list(values), field, where) for values, field in zip(columns, schema, strict=True)], schema=schema
    )


def _array(values: list[Any], field: pa.Field, where: str) -> pa.Array:
    if pa.types.is_string(field.type):
        values = [value if value is None or isinstance(value, str) else _as_text(value) for value in values]
    elif pa.types.is_floating(field.type):
        values = [float(value) if isinstance(value, Decimal) else value for value in values]
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        hint = "cast the column in --query"
        raise DataError(
            f"a value is no {field.type}, as the first ones are", f"{where}, column `{field.name}`", hint
        ) from None


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else str(value)


def sql_type(field: pa.Field, where: str) -> Any:
    """The type of an output's column. Raises DataError for what a table cannot hold."""
    for fits, make in _SQL:
        if fits(field.type):
            return make(field.type)
    hint = "leave it out with --keep"
    raise DataError(
        f"a column of type {field.type} cannot be written to a database", f"{where}, column `{field.name}`", hint
    )
