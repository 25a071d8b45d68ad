"""One type for two sides: what a file holds, and what the log of JSON requests made of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from mlconfig.data.moments import as_text, seconds_of
from mlconfig.data.plain import is_number, is_time, one_piece
from mlconfig.errors import DataError


def common_type(types: Sequence[pa.DataType]) -> pa.DataType:
    """The type that a column takes when its sides are put together; the first side decides where they differ in kind.

    Whole and other numbers make float64; a column without values takes the other's type.
    """
    held = [kind for kind in types if not pa.types.is_null(kind)]
    if not held:
        return pa.null()
    if all(is_number(kind) for kind in held) and any(pa.types.is_floating(kind) for kind in held):
        return pa.float64()
    return held[0]


def cast_like(column: pa.ChunkedArray | pa.Array, kind: pa.DataType, name: str) -> pa.Array:
    """A column as another plain type.

    Times are read from ISO text or numbers since 1970 (zone-less ones as if in UTC, on both sides). Text becomes a number where
    it is one, because a whole number that serves as a category is logged as text.

    Raises:
        DataError: the values do not fit; it names the column.
    """
    array = one_piece(column)
    if array.type == kind or array.null_count == len(array):
        return array if array.type == kind else pa.nulls(len(array), kind)
    try:
        if is_time(kind):
            return _as_time(array, kind)
        if pa.types.is_string(kind):
            return as_text(array)
        return _as_number(array, kind)
    except (pa.ArrowException, DataError) as error:
        raise DataError(
            f"column `{name}` holds {array.type} that cannot become {kind}: {error}", where="data"
        ) from error


def _as_number(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Number or boolean to number or boolean; only 0 and 1 are booleans."""
    if not pa.types.is_boolean(kind):
        return array.cast(kind)
    numbers = array.cast(pa.int64())
    strange = set(numbers.unique().drop_null().to_pylist()) - {0, 1}
    if strange:
        raise DataError(f"{min(strange)} is neither true nor false")
    return numbers.cast(kind)


def _as_time(array: pa.Array, kind: pa.DataType) -> pa.Array:
    seconds = seconds_of(array)
    unknown = np.isnan(seconds)
    micros = np.round(np.where(unknown, 0.0, seconds) * 1e6).astype(np.int64)
    zone = kind.tz if pa.types.is_timestamp(kind) else None
    return pa.array(micros, mask=unknown).cast(pa.timestamp("us", tz=zone)).cast(kind, safe=False)
