"""Rows made to be hard: what a graph gets wrong first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlconfig.records.columns import WEIGHTLESS_NULL
from mlconfig.records.packing import NO_TIME, Feeds, rows_in, take_rows

Array = np.ndarray[Any, Any]

EXTREME_NUMBERS = (0.0, -1.0, 1e-30, 1e9, -1e9)
ODD_CATEGORIES = ("", " ", "never seen before", "ü€😀", "x" * 300)
ODD_TIMES = (0, -1, 951_782_399, 951_782_400, -2_208_988_800, 253_402_300_799, -62_135_596_800)
"""1970, the second before it, both ends of 29 February 2000, 1900, and the last and first second of a four-digit year."""
THRESHOLDS_PER_COLUMN = 25
BASE_ROWS = 3


@dataclass(frozen=True)
class HardRows:
    """Packed rows, and of each what is hard about it."""

    feeds: Feeds
    notes: tuple[str, ...]


def make_hard_rows(
    feeds: Feeds, names: Mapping[str, tuple[str, ...]], thresholds: Mapping[str, Array], nullable: frozenset[str]
) -> HardRows:
    """Rows of the data, each with one value changed: missing, never seen, empty, extreme, on a threshold or just beside it.

    All numbers are of the type of ``feeds["num"]`` and both sides get the same ones, so that a difference is the
    graph's and not the rounding of an input.

    Args:
        feeds: rows to start from, at least one.
        names: ``{"num": …, "cat": …, "time": …}``, the columns of each input.
        thresholds: by numeric column, as ``thresholds_of`` reads them from the graph.
        nullable: the columns that may be missing.
    """
    step = max(rows_in(feeds) // BASE_ROWS, 1)
    base = take_rows(feeds, slice(0, step * BASE_ROWS, step))
    rows = rows_in(base)
    changes = list(_changes(feeds, names, thresholds, nullable))
    hard = {group: np.tile(matrix, (len(changes) + 1, 1)) for group, matrix in base.items()}
    for number, (group, place, value, _) in enumerate(changes):
        hard[group][(number + 1) * rows : (number + 2) * rows, place] = value
    notes = ["as it is", *(note for *_, note in changes)]
    return HardRows(hard, tuple(note for note in notes for _ in range(rows)))


def _changes(
    feeds: Feeds, names: Mapping[str, tuple[str, ...]], thresholds: Mapping[str, Array], nullable: frozenset[str]
) -> Iterator[tuple[str, int, Any, str]]:
    """Input, place, value, and what is hard about it."""
    missing = {"num": np.nan, "cat": WEIGHTLESS_NULL, "time": NO_TIME}
    odd: dict[str, tuple[Any, ...]] = {"num": EXTREME_NUMBERS, "cat": ODD_CATEGORIES, "time": ODD_TIMES}
    for group in feeds:
        for place, name in enumerate(names[group]):
            if name in nullable:
                yield group, place, missing[group], f"`{name}` is missing"
            for value in odd[group]:
                yield group, place, value, f"`{name}` is {str(value)[:30]!r}"
            if group == "num" and name in thresholds:
                for value in _around(thresholds[name], feeds["num"].dtype):
                    yield group, place, value, f"`{name}` is {value!r}, on or beside a tree's threshold"


def _around(thresholds: Array, dtype: np.dtype[Any]) -> Array:
    """Some thresholds, spread over all, with the neighbours of each in the type of the input."""
    places = np.unique(np.linspace(0, len(thresholds) - 1, THRESHOLDS_PER_COLUMN).astype(int))
    values = thresholds[places].astype(dtype)
    above, below = np.nextafter(values, dtype.type(np.inf)), np.nextafter(values, dtype.type(-np.inf))
    return np.unique(np.concatenate([below, values, above]))
