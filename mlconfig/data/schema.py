"""What kinds of columns a table has, frozen at the first training, and whether later data still keeps to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlconfig.data.plain import is_number, is_time, one_piece, plain_column
from mlconfig.errors import DataError
from mlconfig.records.columns import EVENT_TIME
from mlconfig.records.dataset import ColumnSchema, DataSchema
from mlconfig.vocabulary import Kind

MAX_CATEGORIES = 256
ID_MIN_DISTINCT = 50
"""Columns with fewer different values are never taken for ids."""
ID_MIN_UNORDERED = 1000
"""So many whole numbers, all different but in no order, are taken for ids as well."""
TOLERATED_NULLS = 0.01
"""The share of nulls that a column without any at first training may have later; imputing copes with a handful."""


def infer_schema(table: pa.Table, *, target: str) -> DataSchema:
    """The schema of a table's own columns.

    Kinds: booleans are boolean; numbers numeric, also 0/1 and few different ones; dates, timestamps, and text that is ISO 8601
    throughout are timestamps; other text is categorical. A column whose type holds no value at all (Arrow's null) or is
    nested has no kind. Likely ids are marked, but never the target: text with more than 50 different values that are more
    than half as many as its rows; whole numbers that never repeat and either always rise or fall, or are more than 1000.
    """
    names = [name for name in table.column_names if name != EVENT_TIME]
    return DataSchema(
        columns=tuple(_column_schema(name, table.column(name), is_target=name == target) for name in names)
    )


def schema_notices(schema: DataSchema) -> tuple[str, ...]:
    """What a person should know about columns that can hardly be of use: empty, constant, nested, or ids."""
    notices: list[str] = []
    for column in schema.columns:
        if column.nulls == column.rows:
            notices.append(f"`{column.name}` is empty")
        elif column.kind is None:
            notices.append(f"`{column.name}` is of type {column.type}, which no kind of feature fits")
        elif column.distinct == 1 and column.nulls == 0:
            notices.append(f"`{column.name}` is constant")
        elif column.id_like:
            notices.append(
                f"`{column.name}` looks like an id: {column.distinct} different values in {column.rows} rows"
            )
    return tuple(notices)


def kind_of(column: pa.ChunkedArray | pa.Array) -> Kind | None:
    """The kind of a column; None where none fits."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return "boolean"
    if is_number(kind):
        return "numeric"
    if is_time(kind) or (pa.types.is_string(kind) and _all_iso(one_piece(column))):
        return "timestamp"
    return "categorical" if pa.types.is_string(kind) else None


def check_schema(table: pa.Table, frozen: DataSchema, columns: Sequence[str] | None = None) -> tuple[str, ...]:
    """How a table breaks a frozen schema; empty when it keeps to it.

    A breach is what the fitted pipeline cannot rightly work on: a column is missing, it holds another kind of value (whole
    numbers and others are one kind), or more than 1 % nulls where there were none. New categories and values out of range
    are no breach: to notice them is the task of monitoring. Columns that the schema does not know are ignored.

    Args:
        table: later data.
        frozen: the schema of the first training.
        columns: check only these; None: all that the schema knows.
    """
    wanted = [column for column in frozen.columns if columns is None or column.name in columns]
    return tuple(breach for column in wanted if (breach := _breach(table, column)))


def enforce(breaches: tuple[str, ...], on_breach: Literal["stop", "warn"]) -> tuple[str, ...]:
    """The breaches as notices (``warn``), or one ``DataError`` that lists all (``stop``)."""
    if breaches and on_breach == "stop":
        what = "the data breaks the schema of the first training: " + "; ".join(breaches)
        raise DataError(what, where="data", hint="mend the source, or set data.on_breach=warn to go on all the same")
    return breaches


def _breach(table: pa.Table, frozen: ColumnSchema) -> str:
    if frozen.name not in table.column_names:
        return f"column `{frozen.name}` is missing"
    column = plain_column(table.column(frozen.name))
    nulls, rows = column.null_count, len(column)
    if nulls < rows and frozen.kind is not None and not _fits(column, frozen.kind):
        return f"column `{frozen.name}` was {frozen.kind} ({frozen.type}) and is now {column.type}"
    if not frozen.nullable and nulls > TOLERATED_NULLS * rows:
        return f"column `{frozen.name}` had no nulls and now has {nulls} in {rows} rows"
    return ""


def _fits(column: pa.Array, kind: Kind) -> bool:
    return bool(kind_of(column) == kind or (kind == "categorical" and pa.types.is_string(column.type)))


def _column_schema(name: str, column: pa.ChunkedArray, *, is_target: bool) -> ColumnSchema:
    array = plain_column(column)
    kind = kind_of(array)
    distinct = pc.count_distinct(array).as_py() if kind is not None else 0
    bounds = pc.min_max(array).as_py() if kind == "numeric" else {"min": None, "max": None}
    return ColumnSchema(
        name=name,
        type=str(array.type),
        kind=kind,
        nullable=array.null_count > 0,
        rows=len(array),
        nulls=array.null_count,
        distinct=distinct,
        minimum=_finite(bounds["min"]),
        maximum=_finite(bounds["max"]),
        categories=_levels(array)[:MAX_CATEGORIES] if kind == "categorical" else (),
        id_like=not is_target and _id_like(array, kind, distinct),
    )


def _levels(array: pa.Array) -> tuple[str, ...]:
    """The levels of text, most frequent first, equals by name."""
    counted = pc.value_counts(array.drop_null())
    pairs = zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)
    return tuple(level for level, _ in sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def _id_like(array: pa.Array, kind: Kind | None, distinct: int) -> bool:
    rows = len(array) - array.null_count
    if distinct <= ID_MIN_DISTINCT:
        return False
    if kind == "categorical":
        return bool(distinct > 0.5 * rows)
    if kind != "numeric" or not pa.types.is_integer(array.type) or distinct < rows:
        return False
    steps = np.diff(array.drop_null().to_numpy())
    return bool(np.all(steps > 0) or np.all(steps < 0) or rows > ID_MIN_UNORDERED)


def _all_iso(texts: pa.Array) -> bool:
    """Whether there are texts and all of them are dates or times in ISO 8601; most columns fail on the first."""
    distinct = pc.unique(texts.drop_null())
    return len(distinct) > 0 and all(_is_iso(text.as_py()) for text in distinct)


def _is_iso(text: str) -> bool:
    if len(text) < 10 or text[4] != "-":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
