"""A number for each row that depends on nothing but the row: the ground that stable splits stand on.

Canonical form of a value, so that a row from a file and the same row from a JSON log have one hash:

- a number, whole or not, and a boolean: its float64 (2 is 2.0, true is 1, −0 is 0); NaN is null;
- a date, a timestamp, and text that is ISO 8601 from its first day on: its seconds since 1970, zone-less ones as if in UTC;
- other text: its UTF-8 bytes;
- null: nothing, as if the row had no such column.

Columns are told apart by name, and their order does not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from mlconfig.data.moments import seconds_of
from mlconfig.data.plain import is_number, is_time, plain_column

Hashes = np.ndarray[Any, np.dtype[np.uint64]]

_NULL = np.uint64(0x6E756C6C6E756C6C)


def row_hashes(table: pa.Table, columns: Sequence[str], random_state: int) -> Hashes:
    """A uint64 for each row, uniform over different rows, equal for rows that are equal in ``columns``."""
    total = np.zeros(table.num_rows, dtype=np.uint64)
    for name in columns:
        seed = text_hash(f"column {name}")
        values = _column_hashes(table.column(name))
        total += np.where(values == _NULL, np.uint64(0), mix(values ^ seed))
    return mix(total ^ text_hash(f"random_state {random_state}"))


def as_fractions(hashes: Hashes) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Hashes as float64 in [0, 1), from their upper 53 bits."""
    return np.asarray((hashes >> np.uint64(11)) * 2.0**-53, dtype=np.float64)


def text_hash(text: str) -> np.uint64:
    """The first eight bytes of BLAKE2b, the same on every machine."""
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


def mix(values: Hashes) -> Hashes:
    """SplitMix64's finalizer (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014)."""
    z = values + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _column_hashes(column: pa.ChunkedArray) -> Hashes:
    array = plain_column(column)
    if is_time(array.type):
        return _number_hashes(seconds_of(array))
    if is_number(array.type) or pa.types.is_boolean(array.type):
        # to float64 by way of numpy, which rounds whole numbers beyond 2**53 where Arrow would refuse them
        whole = array.cast(pa.int64()) if pa.types.is_boolean(array.type) else array
        return _number_hashes(whole.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    if pa.types.is_null(array.type):
        return np.full(len(array), _NULL)
    return _text_hashes(
        array if pa.types.is_string(array.type) else pa.array(map(repr, array.to_pylist()), pa.string())
    )


def _number_hashes(numbers: np.ndarray[Any, Any]) -> Hashes:
    floats = np.asarray(numbers, dtype=np.float64) + 0.0
    hashes = mix(floats.view(np.uint64))
    hashes[np.isnan(floats)] = _NULL
    return hashes


def _text_hashes(texts: pa.Array) -> Hashes:
    """Each distinct text is hashed once."""
    encoded = texts.dictionary_encode()
    distinct = [_one_text(text) for text in encoded.dictionary.to_pylist()]
    codes = np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False))
    hashes: Hashes = np.asarray([*distinct, _NULL], dtype=np.uint64).take(codes)
    return hashes


def _one_text(text: str) -> np.uint64:
    if len(text) >= 10 and text[4:5] == "-":
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text_hash(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return np.uint64(_number_hashes(np.asarray([aware.timestamp()]))[0])
    return text_hash(text)
