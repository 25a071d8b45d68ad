"""One digest of a table's content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mlconfig.data.plain import plain_column

if TYPE_CHECKING:
    from hashlib import _Hash


def table_digest(table: pa.Table) -> str:
    """``sha256:…`` over names, plain types and values, in the order of columns and rows.

    Equal tables have equal digests however they are cut into chunks, and whatever stands in memory beneath a null; so it is the
    content that counts, not the buffers.
    """
    digest = hashlib.sha256(f"table 1 {table.num_rows}".encode())
    for i, name in enumerate(table.column_names):
        array = plain_column(table.column(i))
        digest.update(f"\0{name}\0{array.type}\0".encode())
        _add_array(digest, array)
    return f"sha256:{digest.hexdigest()}"


def _add_array(digest: _Hash, array: pa.Array) -> None:
    if array.null_count:
        digest.update(np.packbits(array.is_null().to_numpy(zero_copy_only=False)).data)
    else:
        digest.update(b"full")
    if pa.types.is_string(array.type):
        _add_text(digest, array.fill_null("") if array.null_count else array)
    elif pa.types.is_primitive(array.type):
        _add_numbers(digest, array)
    elif not pa.types.is_null(array.type):
        digest.update(repr(array.to_pylist()).encode())


def _add_text(digest: _Hash, array: pa.Array) -> None:
    if not len(array):
        return
    _, offsets, content = array.buffers()
    starts = np.frombuffer(offsets, dtype=np.int32, count=len(array) + 1, offset=4 * array.offset)
    digest.update(np.diff(starts).data)
    if content is not None:
        digest.update(memoryview(content)[int(starts[0]) : int(starts[-1])])


def _add_numbers(digest: _Hash, array: pa.Array) -> None:
    if pa.types.is_boolean(array.type):
        numbers = array.cast(pa.uint8())
    else:
        numbers = array.view(pa.int64() if array.type.bit_width == 64 else pa.int32())
    values = (numbers.fill_null(0) if numbers.null_count else numbers).to_numpy(zero_copy_only=False)
    digest.update(np.ascontiguousarray(values).data)
