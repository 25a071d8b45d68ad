"""What the endpoint refuses of a row (`serving.decode`), looked for in whole columns at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlconfig.records.bounds import FLOAT32_MAX, MAX_TEXT, MOMENT_MAX, MOMENT_MIN
from mlconfig.records.packing import NO_TIME, Feeds, Packing
from mlconfig.records.signature import Signature

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Fault:
    """What does not fit: its row in the block, its column (empty where it is the row as a whole), why, what to do."""

    row: int
    column: str
    what: str
    hint: str = ""


class Rules:
    """The rules of a signature's features."""

    def __init__(self, signature: Signature) -> None:
        self._packing = Packing.of(signature)
        self._needed = frozenset(column.name for column in signature.features if not column.nullable)

    def of_values(self, block: pa.Table) -> Fault | None:
        """The first fault of values as they were read, where packed ones do not show it: categories, moments as numbers."""
        texts = (self._of_texts(block.column(name), name) for name in self._packing.categorical)
        moments = (_of_moments(block.column(name), name) for name in self._packing.timestamp)
        return next((fault for faults in (texts, moments) for fault in faults if fault is not None), None)

    def _of_texts(self, column: pa.ChunkedArray, name: str) -> Fault | None:
        row = _first_null(column) if name in self._needed else None
        if row is not None:
            return _null(row, name)
        row = _first_long(column)
        return None if row is None else Fault(row, name, f"the text is longer than {MAX_TEXT:,} characters")

    def of_feeds(self, feeds: Feeds) -> Fault | None:
        """The first fault of packed values: numbers and moments."""
        fault = self._of_numbers(feeds["num"]) if "num" in feeds else None
        if fault is None and "time" in feeds:
            return self._first_missing(feeds["time"] == NO_TIME, self._packing.timestamp)
        return fault

    def _of_numbers(self, numbers: Array) -> Fault | None:
        narrow = numbers.dtype == np.float32
        if narrow and np.isfinite(numbers.sum(dtype=np.float64)):  # as most blocks are: one pass over them
            return None
        beyond = np.abs(numbers) > FLOAT32_MAX
        if beyond.any():
            row, place = np.argwhere(beyond)[0].tolist()
            return Fault(row, self._packing.numeric[place], "a value is infinite, or too large for the model")
        return self._first_missing(np.isnan(numbers), self._packing.numeric)

    def _first_missing(self, missing: Array, names: Sequence[str]) -> Fault | None:
        places = [place for place, name in enumerate(names) if name in self._needed]
        found = np.argwhere(missing[:, places])
        return _null(int(found[0][0]), names[places[found[0][1]]]) if len(found) else None


def of_answers(scores: Array, probabilities: Array | None) -> Fault | None:
    """The first row for which the model has no finite answer."""
    finite = np.isfinite(scores)
    if probabilities is not None:
        finite &= np.isfinite(probabilities).all(axis=1)
    row = _first(~finite)
    if row is None:
        return None
    return Fault(row, "", "the model has no finite answer for this row", "check for extreme values")


def _null(row: int, name: str) -> Fault:
    return Fault(row, name, "the value is null, which the signature does not allow", "fill it in, or leave the row out")


def _of_moments(column: pa.ChunkedArray, name: str) -> Fault | None:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return None
    moments = column.cast(pa.float64(), safe=False).to_numpy()
    row = _first((moments < MOMENT_MIN) | (moments > MOMENT_MAX))
    hint = "write ISO 8601 text (2026-01-31T12:00:00Z) or seconds since 1970"
    return None if row is None else Fault(row, name, "the value is no moment in time", hint)


def _first_null(column: pa.ChunkedArray) -> int | None:
    if not (column.null_count or pa.types.is_floating(column.type)):
        return None
    return _first(pc.is_null(_decoded(column), nan_is_null=True).to_numpy())


def _first_long(column: pa.ChunkedArray) -> int | None:
    """Bytes are counted first, and of a dictionary only its words: what has few bytes has few characters."""
    is_dictionary = pa.types.is_dictionary(column.type)
    kind = column.type.value_type if is_dictionary else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    words = [chunk.dictionary if is_dictionary else chunk for chunk in column.chunks]
    if all((pc.max(pc.binary_length(each)).as_py() or 0) <= MAX_TEXT for each in words):
        return None
    return _first(pc.greater(pc.utf8_length(_decoded(column)), MAX_TEXT).fill_null(False).to_numpy())


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _first(found: Array) -> int | None:
    return int(found.argmax()) if found.any() else None
