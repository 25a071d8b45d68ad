"""How rows become the packed inputs of a model: one float matrix, one text matrix, one matrix of whole seconds.

Training, batch and serving pack with the same functions, and the same packed values feed scikit-learn and the exported graph,
so there is nothing to skew. What a value is written as (a number of JSON, a column of CSV or of Parquet) makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlconfig.errors import DataError
from mlconfig.records.columns import WEIGHTLESS_NULL
from mlconfig.records.wall_clock import NO_TIME, wall_clock_seconds
from mlconfig.vocabulary import Kind

if TYPE_CHECKING:
    import pandas as pd

    from mlconfig.records.dataset import ResolvedFeatures
    from mlconfig.records.signature import Signature

__all__ = [
    "NO_TIME", "Feeds", "Packing", "Predicted", "frame_of", "pack_rows", "pack_table", "rows_in", "take_rows",
    "wall_clock_seconds",
]  # fmt: skip

Array = np.ndarray[Any, Any]
Feeds = dict[str, Array]
"""``num`` float32 or float64 [rows, k], ``cat`` str objects [rows, m], ``time`` int64 [rows, t]; an empty group is absent."""
Precision = Literal["float32", "float64"]


@dataclass(frozen=True)
class Predicted:
    """What a model answers. ``scores``: probabilities [rows, classes], or values [rows] for a regression.

    ``labels``: class codes int64 [rows], places in ``Signature.classes``; null for a regression.
    """

    scores: Array
    labels: Array | None = None


@dataclass(frozen=True)
class Packing:
    """The packed inputs, in order: names of the numeric and boolean, the categorical, and the timestamp columns."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    timestamp: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: Signature | ResolvedFeatures) -> Packing:
        """The packing of a signature's features, or of resolved features: the same for both."""
        columns = getattr(source, "features", None) or source.columns
        return cls._of_kinds([(column.name, column.kind) for column in columns])

    @classmethod
    def _of_kinds(cls, columns: Iterable[tuple[str, Kind]]) -> Packing:
        groups: dict[str, list[str]] = {"numeric": [], "categorical": [], "timestamp": []}
        for name, kind in columns:
            groups["numeric" if kind == "boolean" else kind].append(name)
        return cls(*(tuple(names) for names in groups.values()))

    @property
    def names(self) -> tuple[str, ...]:
        """All columns in the packed order, which is the order of ``frame_of``."""
        return self.numeric + self.categorical + self.timestamp


def pack_table(table: pa.Table, packing: Packing, time_zone: str = "UTC", precision: Precision = "float32") -> Feeds:
    """A table's rows as packed inputs.

    A missing number is NaN, a missing category ``__null__``, a missing time the smallest int64. Booleans are 0 and 1, also
    written as text. A number that stands for a category is written as in JSON (``3``, also where it is 3.0).

    Args:
        table: holds at least the columns of ``packing``.
        packing: the columns and their order.
        time_zone: of the wall clocks that timestamps are read as.
        precision: of ``num``; the packaged model declares it, and training must use the same.

    Raises:
        DataError: a column is missing, or a value does not fit its kind; it names the column and the row, never the value.
    """
    absent = [name for name in packing.names if name not in table.column_names]
    if absent:
        raise DataError(
            f"the rows lack {', '.join(f'`{name}`' for name in absent)}", hint="the model was trained on it"
        )
    rows = table.num_rows
    columns = {name: _one_piece(table.column(name)) for name in packing.names}
    numbers = [_numbers(columns[name], name) for name in packing.numeric]
    texts = [_texts(columns[name], name) for name in packing.categorical]
    times = [wall_clock_seconds(_decoded(columns[name]), time_zone, name) for name in packing.timestamp]
    groups = (("num", numbers, precision), ("cat", texts, "object"), ("time", times, "int64"))
    return {name: _matrix(parts, rows, dtype) for name, parts, dtype in groups if parts}


def pack_rows(
    rows: Sequence[Mapping[str, Any]], packing: Packing, time_zone: str = "UTC", precision: Precision = "float32"
) -> Feeds:
    """Rows as they come out of JSON, packed to the same values as a table of them; an absent key is null."""
    columns = {name: _from_json([row.get(name) for row in rows]) for name in packing.names}
    if not columns:
        return {}
    return pack_table(pa.table(columns), packing, time_zone, precision)


def frame_of(feeds: Feeds, packing: Packing) -> pd.DataFrame:
    """Packed inputs as the frame that a fitted scikit-learn pipeline takes: columns in the packed order, types kept."""
    import pandas as pd

    parts = (("num", packing.numeric), ("cat", packing.categorical), ("time", packing.timestamp))
    series = {
        name: pd.Series(feeds[group][:, place], dtype=feeds[group].dtype)
        for group, names in parts
        for place, name in enumerate(names)
    }
    return pd.DataFrame(series, copy=False)


def rows_in(feeds: Feeds) -> int:
    """The number of rows; 0 where there is no input at all."""
    return next((len(matrix) for matrix in feeds.values()), 0)


def take_rows(feeds: Feeds, rows: Array | slice) -> Feeds:
    """The chosen rows (places, a mask, or a slice) of each input."""
    return {name: matrix[rows] for name, matrix in feeds.items()}


def _one_piece(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks or [pa.array([], array.type)])
    return array


def _matrix(parts: list[Array], rows: int, dtype: str) -> Array:
    matrix = np.empty((rows, len(parts)), dtype=dtype)
    for place, part in enumerate(parts):
        matrix[:, place] = part
    return matrix


_TRUTH = {"true": 1.0, "false": 0.0}


def _numbers(array: pa.Array, name: str) -> Array:
    array = _decoded(array)
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.asarray([_number(text, name, row) for row, text in enumerate(array.to_pylist())], dtype=np.float64)
    if pa.types.is_boolean(kind):
        array = array.cast(pa.uint8())
    try:
        floats = array.cast(pa.float64(), safe=False)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise DataError(f"a column of type {kind} holds no numbers", where=f"column `{name}`") from None
    return np.asarray(floats.to_numpy(zero_copy_only=False), dtype=np.float64)


def _number(text: str | None, name: str, row: int) -> float:
    word = text.strip().lower() if text is not None else ""
    if not word:
        return float("nan")
    try:
        return _TRUTH[word] if word in _TRUTH else float(word)
    except ValueError:
        raise DataError(f"the text in row {row + 1} is no number", where=f"column `{name}`") from None


def _decoded(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _texts(array: pa.Array, name: str) -> Array:
    """Each distinct text of a column becomes one Python object, which all of its rows share."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        array = array.dictionary_encode()
    if not pa.types.is_dictionary(array.type):
        return _distinct_texts(array, name)
    words = np.append(_distinct_texts(array.dictionary, name), WEIGHTLESS_NULL)
    codes = pc.fill_null(array.indices.cast(pa.int64()), len(words) - 1)
    return np.asarray(words[codes.to_numpy(zero_copy_only=False)], dtype=object)


def _distinct_texts(array: pa.Array, name: str) -> Array:
    kind = array.type
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        floats = array.cast(pa.float64(), safe=False).to_pylist()
        return np.asarray([_category(value) for value in floats], dtype=object)
    try:
        filled = pc.fill_null(array.cast(pa.string()), WEIGHTLESS_NULL)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise DataError(f"a column of type {kind} holds no categories", where=f"column `{name}`") from None
    return np.asarray(filled.to_pylist(), dtype=object)


def _category(value: Any) -> str:
    """A value of JSON as the text of a category, as Arrow writes it: true, 3, 0.5."""
    if value is None or value != value:  # noqa: PLR0124 — only NaN differs from itself
        return WEIGHTLESS_NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else repr(value)


def _from_json(values: list[Any]) -> pa.Array:
    """A column of JSON values; where their types differ (3, 2.5, "x") it becomes text, which packs to the same values."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else _category(value) for value in values], pa.string())
