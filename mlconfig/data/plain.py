"""Few types instead of Arrow's many, so that a row read from a file and the same row from the log look alike."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def plain_table(table: pa.Table) -> pa.Table:
    """The same rows with plain types; each column in one piece.

    Whole numbers become int64 (float64 where one does not fit), floats and decimals float64 with NaN as null, all text
    string, dictionaries their values, times of day text, durations int64. Booleans, dates, timestamps, nested types stay.
    """
    names = table.column_names
    return pa.table([plain_column(table.column(i)) for i in range(len(names))], names=names)


def plain_column(column: pa.ChunkedArray) -> pa.Array:
    """One column of ``plain_table``."""
    array = one_piece(column)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_integer(kind):
        return _whole_numbers(array)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        floats = array.cast(pa.float64(), safe=False)
        return pc.if_else(pc.is_nan(floats), pa.scalar(None, pa.float64()), floats)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_time(kind):
        return array.cast(pa.string())
    if pa.types.is_duration(kind):
        return array.cast(pa.int64(), safe=False)
    return array


def one_piece(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column without chunks."""
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def _whole_numbers(array: pa.Array) -> pa.Array:
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        return array.cast(pa.float64(), safe=False)


def is_number(kind: pa.DataType) -> bool:
    """Whether a plain type is a number (a boolean is none)."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def is_time(kind: pa.DataType) -> bool:
    """Whether a plain type is a moment: a date or a timestamp."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))
