"""Columns as they come, numpy or pyarrow, read as the numbers or the levels that a profile counts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mlconfig.errors import DataError
from mlconfig.profiles.histogram import BLOCK_ROWS, Counts, Vector, bincount

_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def as_mapping(columns: Any) -> Mapping[str, Any]:
    """A ``pyarrow.Table`` as name → column; a mapping is one already."""
    if hasattr(columns, "column_names"):
        return dict(zip(columns.column_names, columns.columns, strict=True))
    return dict(columns)


def as_numbers(values: Any, kind: str, name: str) -> Vector:
    """A numeric or timestamp column as a real numpy array [rows]; null is NaN; timestamps are epoch seconds (UTC).

    Errors: ``DataError`` where the column holds something else.
    """
    if _is_arrow(values):
        return _numbers_from_arrow(values, kind, name)
    array = np.asarray(values)
    if array.dtype.kind == "M":
        seconds = array.astype("datetime64[us]").astype(np.int64) / 1e6
        seconds[np.isnat(array)] = np.nan
        return seconds
    if array.dtype.kind in "fiu":
        return array.astype(np.float32) if array.dtype.itemsize == 2 and array.dtype.kind == "f" else array
    if array.dtype.kind in "bO":
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            pass
    raise _wrong_kind(name, kind, str(array.dtype))


def _is_arrow(values: Any) -> bool:
    return type(values).__module__.partition(".")[0] == "pyarrow"


def _wrong_kind(name: str, kind: str, found: str) -> DataError:
    return DataError(
        f"the column is {kind} in the reference and holds {found} here", where=f"column `{name}`", hint="cast it first"
    )


def _numbers_from_arrow(values: Any, kind: str, name: str) -> Vector:
    import pyarrow as pa

    found = values.type
    if pa.types.is_float32(found) or pa.types.is_float64(found) or pa.types.is_integer(found):
        return _plain(values)
    if pa.types.is_dictionary(found):
        return _numbers_from_arrow(values.cast(found.value_type), kind, name)
    if pa.types.is_date(found):
        values, found = values.cast(pa.timestamp("ms")), pa.timestamp("ms")
    if pa.types.is_timestamp(found):
        return _plain(values.cast(pa.int64())) / _PER_SECOND[found.unit]
    if pa.types.is_float16(found):
        return _plain(values.cast(pa.float32()))
    if pa.types.is_boolean(found) or pa.types.is_decimal(found) or pa.types.is_null(found):
        return _plain(values.cast(pa.uint8()) if pa.types.is_boolean(found) else values.cast(pa.float64()))
    raise _wrong_kind(name, kind, str(found))


def _plain(values: Any) -> Vector:
    """Without a copy where Arrow allows; nulls become NaN, integers with nulls float64."""
    import pyarrow as pa

    return np.asarray(
        values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False)
    )


def count_levels(values: Any, kind: str) -> tuple[dict[str, int], int, int]:
    """Counts by level of a categorical or boolean column, its nulls, and its rows."""
    named, counts, nulls, rows = level_name(kind), dict[str, int](), 0, 0
    for dictionary, codes in _coded(values):
        by_code = bincount(codes, len(dictionary) + 1)
        rows += len(codes)
        nulls += int(by_code[-1])
        for level, count in zip(dictionary.to_pylist(), by_code.tolist(), strict=False):
            if level is None or level != level:  # noqa: PLR0124  (NaN among the levels)
                nulls += count
            elif count:
                key = named(level)
                counts[key] = counts.get(key, 0) + count
    return counts, nulls, rows


class LevelCounter:
    """Counts of known levels, added up over blocks of a categorical or boolean column.

    Blocks mostly share one dictionary: it is read once, and codes wait until they fill a block.
    """

    def __init__(self, levels: Sequence[str], kind: str) -> None:
        self._levels, self._named = {level: place for place, level in enumerate(levels)}, level_name(kind)
        self._counts = np.zeros(len(levels) + 2, np.int64)
        self._dictionary: Any = None
        self._places = np.zeros(0, np.int64)
        self._codes, self._waiting = np.zeros(0, np.int32), 0

    def add(self, values: Any) -> None:
        """A column of a block."""
        for dictionary, codes in _coded(values):
            if self._dictionary is None or not dictionary.equals(self._dictionary):
                self._take(dictionary)
            if 4 * len(codes) < BLOCK_ROWS:
                self._wait(codes)
            else:
                self._count(codes)

    def counted(self) -> tuple[Counts, int, int]:
        """The known levels' counts, the unknown ones' together, and the nulls."""
        self._count_waiting()
        return self._counts[:-2].copy(), int(self._counts[-2]), int(self._counts[-1])

    def _take(self, dictionary: Any) -> None:
        self._count_waiting()
        self._dictionary = dictionary
        places = [self._place(level) for level in dictionary.to_pylist()]
        self._places = np.array([*places, len(self._levels) + 1], np.int64)

    def _wait(self, codes: Vector) -> None:
        if self._waiting + len(codes) > BLOCK_ROWS:
            self._count_waiting()
        if not len(self._codes):
            self._codes = np.empty(BLOCK_ROWS, np.int32)
        end = self._waiting + len(codes)
        self._codes[self._waiting : end] = codes
        self._waiting = end

    def _count_waiting(self) -> None:
        if self._waiting:
            self._count(self._codes[: self._waiting])
            self._waiting = 0

    def _count(self, codes: Vector) -> None:
        """Where the counts of the codes belong, they are added."""
        np.add.at(self._counts, self._places, bincount(codes, len(self._places)))

    def _place(self, level: Any) -> int:
        found = self._levels.get(level)
        if found is not None and isinstance(level, str):
            return found
        if level is None or level != level:  # noqa: PLR0124  (NaN among the levels)
            return len(self._levels) + 1
        return self._levels.get(self._named(level), len(self._levels))


def _coded(values: Any) -> Iterator[tuple[Any, Vector]]:
    """The dictionary of each chunk, and its rows as codes; null is the code after the last level."""
    import pyarrow as pa

    array = values if _is_arrow(values) else _arrow_from_numpy(values)
    for chunk in array.chunks if isinstance(array, pa.ChunkedArray) else (array,):
        encoded = chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()
        dictionary, codes = encoded.dictionary, encoded.indices
        if codes.null_count:
            codes = codes.cast(pa.int32()).fill_null(len(dictionary))
        yield dictionary, codes.to_numpy()


def _arrow_from_numpy(values: Any) -> Any:
    import pyarrow as pa

    array = np.asarray(values)
    return pa.array(array, from_pandas=True) if array.dtype.kind == "O" else pa.array(array)


def level_name(kind: str) -> Callable[[Any], str]:
    """How a level is written: one text for 1, 1.0 and "1"; booleans are ``false`` and ``true``, also when given as 0 and 1."""
    return _boolean_name if kind == "boolean" else _categorical_name


def _categorical_name(level: Any) -> str:
    if isinstance(level, str):
        return level
    if isinstance(level, bool):
        return str(level).lower()
    if isinstance(level, float) and level.is_integer():
        return str(operator.index(int(level)))
    return level.decode("utf-8", "replace") if isinstance(level, bytes) else str(level)


def _boolean_name(level: Any) -> str:
    text = _categorical_name(level).lower()
    return {"0": "false", "1": "true"}.get(text, text)
