"""Names of predictions as numbers: eight bytes stand for a text of any length, and a column of them is sorted and searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlconfig.profiles.distinct import Hashes, mix

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_WORD = 8


def numbers_of(names: pa.ChunkedArray | pa.Array) -> Hashes:
    """A 64-bit number of each name [rows]; equal names have equal numbers. Of a null it says nothing.

    Two names may have one number: with a million labels and three million predictions, one log in six million has one row
    with another's label. Each eight bytes are mixed by a function that is one to one, so names that differ in eight bytes
    only never meet.
    """
    import numpy as np
    import pyarrow as pa

    array = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    if not len(array):
        return np.zeros(0, np.uint64)
    whole = array.cast(pa.large_string())
    _, places, data = whole.buffers()
    bounds = np.frombuffer(places, np.int64)[whole.offset : whole.offset + len(whole) + 1]
    begins, lengths = bounds[:-1] - bounds[0], np.diff(bounds)
    words = _words(np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]])
    found = mix(lengths.astype(np.uint64))
    for first in range(0, int(lengths.max()), _WORD):
        longer = np.flatnonzero(lengths > first)
        behind = np.maximum(_WORD - (lengths[longer] - first), 0).astype(np.uint64)
        found[longer] = mix(found[longer] ^ (words[begins[longer] + first] << (behind * np.uint64(8))))
    return found


def _words(data: np.ndarray[Any, np.dtype[np.uint8]]) -> Hashes:
    """The eight bytes that begin at each byte, little-endian; behind the last come zeros [bytes + 1]."""
    import numpy as np

    padded = np.append(data, np.zeros(_WORD, np.uint8))
    return np.ndarray((len(data) + 1,), np.dtype("<u8"), padded, strides=(1,))
