"""``data.split``: which rows are trained on, which serve tuning and early stopping, and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlconfig.data.event_time import event_seconds, require_columns
from mlconfig.data.plain import is_number, plain_column
from mlconfig.data.row_hash import as_fractions, row_hashes
from mlconfig.errors import DataError
from mlconfig.sections.data import Split
from mlconfig.vocabulary import Task

Rows = np.ndarray[Any, np.dtype[np.int64]]
Marks = np.ndarray[Any, np.dtype[np.int8]]

_LEFT_OUT, _TRAIN, _VALIDATION, _TEST = -1, 0, 1, 2
_MAX_CLASSES = 20
"""A numeric target with more different values is taken for a quantity when the task is not given."""


@dataclass(frozen=True)
class Parts:
    """Row numbers (int64, rising) of the three parts. They never overlap; by time or as given, some rows may be in none."""

    train: Rows
    validation: Rows
    test: Rows


def split_rows(
    table: pa.Table, split: Split, *, target: str, columns: Sequence[str], random_state: int, task: Task | None = None
) -> Parts:
    """Share out a table's rows.

    - ``random``: by a hash of the row's ``columns`` (see ``row_hash``), so each row's part depends on that row alone: equal
      rows land together, and a row that was once tested on is tested on whenever it comes again.
    - ``stratified``: by the same hash, cut within each class of the target so that shares are exact. The cuts move a little
      as data grows, so here a few rows near them may change their part.
    - ``group``: by a hash of ``split.column``; its nulls are one group.
    - ``time``: the latest rows are tested on and those before them validate; equal times stay together. ``gap`` is left out
      before both, and rows without event time are left out.
    - ``given``: ``split.column`` says train, validation or test; nulls are left out.

    Args:
        table: with ``EVENT_TIME`` for ``time``.
        split: the section.
        target: the target's column.
        columns: what tells rows apart: ``data.key``, or the features.
        random_state: another one gives other parts.
        task: where known; for classes every one must be in the training part.

    Raises:
        DataError: a declared column is missing, a part would be empty, or the training part lacks a class.
    """
    if split.column is not None:
        require_columns(table, (split.column,), "data.split.column")
    if split.by == "time":
        marks = _by_time(event_seconds(table), split)
    elif split.by == "given":
        marks = _as_given(table.column(split.column), str(split.column))
    else:
        told_apart = (str(split.column),) if split.by == "group" else columns
        fractions = as_fractions(row_hashes(table, told_apart, random_state))
        within = split.by == "stratified"
        marks = _within_classes(fractions, table.column(target), split) if within else _by_thresholds(fractions, split)
    parts = Parts(*(np.flatnonzero(marks == mark).astype(np.int64) for mark in (_TRAIN, _VALIDATION, _TEST)))
    _check_sizes(parts, split, table.num_rows)
    _check_classes(table.column(target), parts.train, target, split, task)
    return parts


def _by_thresholds(fractions: np.ndarray[Any, Any], split: Split) -> Marks:
    """Test below the first bound, validation below the second."""
    bounds = (split.test_fraction, split.test_fraction + split.validation_fraction)
    return np.where(fractions < bounds[0], _TEST, np.where(fractions < bounds[1], _VALIDATION, _TRAIN)).astype(np.int8)


def _within_classes(fractions: np.ndarray[Any, Any], target: pa.ChunkedArray, split: Split) -> Marks:
    """The smallest hashes of each class are its test rows, the next its validation rows; equal hashes stay together."""
    codes = np.asarray(plain_column(target).dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False))
    marks = np.full(len(codes), _LEFT_OUT, dtype=np.int8)
    for code in np.unique(codes[codes >= 0]):
        own = codes == code
        ranked = np.sort(fractions[own])
        shares = (split.test_fraction, split.test_fraction + split.validation_fraction)
        counts = [round(share * len(ranked)) for share in shares]
        test_below, validation_below = (ranked[count] if count < len(ranked) else np.inf for count in counts)
        marks[own] = np.where(
            fractions[own] < test_below, _TEST, np.where(fractions[own] < validation_below, _VALIDATION, _TRAIN)
        )
    return marks


def _by_time(seconds: np.ndarray[Any, Any], split: Split) -> Marks:
    """Parts follow one another in time, a gap apart."""
    marks = np.full(len(seconds), _LEFT_OUT, dtype=np.int8)
    times = np.sort(seconds[~np.isnan(seconds)])
    if not len(times):
        raise DataError("`by: time` needs rows with an event time", where="data.split", hint="declare data.event_time")
    gap = split.gap.total_seconds()
    test_from = times[min(int(len(times) * (1 - split.test_fraction)), len(times) - 1)]
    earlier = times[times < test_from - gap]
    wanted = round(split.validation_fraction * len(times))
    validation_from = earlier[max(len(earlier) - wanted, 0)] if wanted and len(earlier) else np.inf
    marks[seconds < min(test_from - gap, validation_from - gap)] = _TRAIN
    marks[(seconds >= validation_from) & (seconds < test_from - gap)] = _VALIDATION
    marks[seconds >= test_from] = _TEST
    return marks


def _as_given(column: pa.ChunkedArray, name: str) -> Marks:
    words = {"train": _TRAIN, "validation": _VALIDATION, "test": _TEST}
    values = plain_column(column)
    levels = pc.unique(values.drop_null()).to_pylist()
    strange = sorted(str(level) for level in levels if level not in words)
    if strange:
        what = f"`{name}` holds {', '.join(strange[:5])}; it must say train, validation or test"
        raise DataError(what, where="data.split.column")
    return np.asarray([words.get(value, _LEFT_OUT) for value in values.to_pylist()], dtype=np.int8)


def _check_sizes(parts: Parts, split: Split, rows: int) -> None:
    wanted = {"training": parts.train, "test": parts.test}
    if split.validation_fraction > 0 and split.by != "given":
        wanted["validation"] = parts.validation
    empty = [name for name, part in wanted.items() if not len(part)]
    if empty:
        sizes = f"{len(parts.train)} to train, {len(parts.validation)} to validate, {len(parts.test)} to test"
        what = f"`by: {split.by}` leaves the {' and the '.join(empty)} part empty: of {rows} rows {sizes}"
        raise DataError(what, where="data.split", hint="more rows, other fractions, or another way to split")


def _check_classes(target: pa.ChunkedArray, train: Rows, name: str, split: Split, task: Task | None) -> None:
    """Every class must be there to be learned."""
    values = plain_column(target)
    levels = pc.unique(values.drop_null())
    quantity = task is None and is_number(values.type) and len(levels) > _MAX_CLASSES
    if task == "regression" or quantity:
        return
    absent = sorted(map(str, set(levels.to_pylist()) - set(pc.unique(values.take(pa.array(train))).to_pylist())))
    if absent:
        what = f"`by: {split.by}` leaves no training row of `{name}` = {', '.join(absent[:5])}"
        raise DataError(what, where="data.split", hint="`by: stratified` keeps the classes' shares; or get more rows")
