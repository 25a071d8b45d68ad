"""Rows of an Arrow stream in Python's types, never much larger than the stream.

What a column may be is known from the schema, before a batch is read; a value of a dictionary is made once, however many
rows refer to it.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from mlconfig.builtin.arrow_messages import check_messages, no_stream
from mlconfig.contracts.refusal import RequestRefusedError

if TYPE_CHECKING:
    import pyarrow as pa

Entries = dict[tuple[Any, ...], dict[int | None, Any]]
"""Values by place, of each dictionary by where it lies."""


def rows_of(body: bytes, known: Collection[str], most: int) -> list[dict[str, Any]]:
    """The rows of a stream. ``known``: columns that there are; ``most``: rows. Raises RequestRefusedError (400, 415, 422)."""
    import pyarrow as pa

    check_messages(body)
    try:
        with pa.ipc.open_stream(pa.BufferReader(body)) as reader:
            schema = reader.schema
            names = schema.names
            _check_columns(names, schema.types, known)
            table = pa.Table.from_batches(_batches(reader, most), schema)
    except (pa.ArrowException, OSError, ValueError):
        raise no_stream() from None
    if not table.num_rows:
        raise RequestRefusedError(422, "it has no row", "rows", "send at least one")
    columns = [_values(name, column) for name, column in zip(names, table.columns, strict=True)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _check_columns(names: list[str], kinds: list[pa.DataType], known: Collection[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise RequestRefusedError(400, "the column is there twice", twice[:64], "send each once")
    unknown = next((name[:64] for name in names if name not in known), None)
    if unknown is not None:
        close = difflib.get_close_matches(unknown, known, 1)
        hint = f"did you mean `{close[0]}`?" if close else "GET the endpoint to see the fields it takes"
        raise RequestRefusedError(422, "the field is unknown", f"rows[0].{unknown}", hint)
    for name, kind in zip(names, kinds, strict=True):
        if not _is_plain(kind) and not _is_dictionary_of_plain(kind):
            what = "the column is of a type that is no field's"
            raise RequestRefusedError(422, what, name[:64], "send plain columns")


@cache
def _direct() -> frozenset[int]:
    """The types, by number, whose values are Python's own: most columns of most requests."""
    import pyarrow as pa

    whole = (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
    others = (pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.large_string(), pa.null())
    return frozenset(kind.id for kind in (*whole, *others))


def _is_plain(kind: pa.DataType) -> bool:
    """Whether it has a value a row, or nothing."""
    if kind.id in _direct():
        return True
    import pyarrow as pa

    is_a = pa.types
    return bool(is_a.is_timestamp(kind) or is_a.is_date(kind) or is_a.is_decimal(kind))


def _is_dictionary_of_plain(kind: pa.DataType) -> bool:
    """Not of nothings: it could be of any length."""
    import pyarrow as pa

    is_a = pa.types
    return is_a.is_dictionary(kind) and _is_plain(kind.value_type) and not is_a.is_null(kind.value_type)


def _batches(reader: pa.RecordBatchReader, most: int) -> list[pa.RecordBatch]:
    """Whole ones, bounded before they are validated."""
    batches: list[pa.RecordBatch] = []
    rows = 0
    for batch in reader:
        rows += batch.num_rows
        if rows > most:
            raise RequestRefusedError(422, f"it has more than {most} rows", "rows", "send fewer at a time")
        if len(batches) == most:
            raise RequestRefusedError(422, f"it has more than {most} batches", "rows", "leave the empty ones out")
        _validate(batch)
        batches.append(batch)
    return batches


def _validate(batch: pa.RecordBatch) -> None:
    """Raises ArrowInvalid, or RequestRefusedError that names the column at fault."""
    import pyarrow as pa

    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid:
                what = "the column is broken: its text is no UTF-8, or its places lie"
                raise RequestRefusedError(400, what, name[:64], "write it with pyarrow.ipc.new_stream") from None
        raise


def _values(name: str, column: pa.ChunkedArray) -> list[Any]:
    """What Python has no type for is refused: moments beyond its years, and time zones that it does not know."""
    import pyarrow as pa

    try:
        return _looked_up(column) if pa.types.is_dictionary(column.type) else _plain_values(column)
    except (pa.ArrowException, OverflowError, ValueError):
        raise RequestRefusedError(
            422, "a value cannot be read", name[:64], "send plain values, moments as text"
        ) from None


def _looked_up(column: pa.ChunkedArray) -> list[Any]:
    found: Entries = {}
    values: list[Any] = []
    for chunk in column.chunks:
        words = chunk.dictionary
        key = (words.offset, len(words), *(each.address for each in words.buffers() if each is not None))
        entries = found.setdefault(key, {None: None})
        places = chunk.indices.to_pylist()
        missing = sorted(set(places) - entries.keys())
        if missing:
            entries.update(zip(missing, _plain_values(words.take(_as_places(missing))), strict=True))
        values += [entries[place] for place in places]
    return values


def _as_places(places: list[int]) -> pa.Array:
    import pyarrow as pa

    return pa.array(places, pa.int64())


def _plain_values(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """Dates and decimals as JSON would have them."""
    if column.type.id in _direct():
        return list(column.to_pylist())
    import pyarrow as pa

    if pa.types.is_decimal(column.type):
        return list(column.cast(pa.float64()).to_pylist())
    return [None if each is None else each.isoformat() for each in column.to_pylist()]
