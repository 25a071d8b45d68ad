"""The target as numbers, and what its values mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlconfig.errors import DataError
from mlconfig.vocabulary import Task

Array = np.ndarray[Any, Any]
MAX_CLASSES = 1000


@dataclass(frozen=True)
class Target:
    """``classes``: the labels in the order of the probabilities, as JSON values; empty for a regression.

    For a binary task ``classes[1]``, the larger one (true, 1, the later word), is the positive one.
    """

    name: str
    task: Task
    classes: tuple[Any, ...] = ()

    def encode(self, column: pa.ChunkedArray | pa.Array) -> Array:
        """Class codes int64, or values float64.

        Raises:
            DataError: a value is missing, is no class known from the first encoding, or is no finite number.
        """
        if column.null_count:
            raise self._error(f"{column.null_count} of {len(column)} rows have no value")
        if self.task == "regression":
            return self._numbers(column)
        places = {label: place for place, label in enumerate(self.classes)}
        codes = np.fromiter((places.get(label, -1) for label in _labels(column)), dtype=np.int64, count=len(column))
        if (codes < 0).any():
            row = int(np.argmax(codes < 0))
            raise self._error(f"the label {column[row].as_py()!r} in row {row + 1} is none of {list(self.classes)}")
        return codes

    def _numbers(self, column: pa.ChunkedArray | pa.Array) -> Array:
        kind = column.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise self._error(f"a regression needs numbers, and the column is of type {kind}", "is the task right?")
        values = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
        if not np.isfinite(values).all():
            raise self._error(f"{int((~np.isfinite(values)).sum())} of {len(values)} rows hold no finite number")
        return values

    def _error(self, what: str, hint: str = "") -> DataError:
        return DataError(what, where=f"data.target `{self.name}`", hint=hint)


def learn_target(column: pa.ChunkedArray | pa.Array, name: str, task: Task) -> Target:
    """The target's classes, sorted, from all rows of the data.

    Raises:
        DataError: the column does not fit the task: one class only, more than two for a binary task, fractions as labels,
            text for a regression.
    """
    bare = Target(name, task)
    if task == "regression":
        bare.encode(column)
        return bare
    if column.null_count:
        raise bare._error(f"{column.null_count} of {len(column)} rows have no value")  # noqa: SLF001 — of this module
    classes = tuple(sorted(set(_labels(pc.unique(column)))))
    if problem := _misfit(classes, task):
        raise bare._error(problem, "is the task right?")  # noqa: SLF001 — of this module
    return Target(name, task, classes)


def _misfit(classes: tuple[Any, ...], task: Task) -> str:
    if len(classes) < 2:
        return f"there is one class only ({classes[0]!r})" if classes else "there is no row"
    if any(isinstance(label, float) for label in classes):
        return "its numbers have fractions, so they are no labels"
    if task == "binary" and len(classes) > 2:
        return f"there are {len(classes)} classes, and a binary task has two"
    if len(classes) > MAX_CLASSES:
        return f"there are {len(classes)} classes, and at most {MAX_CLASSES} can be told apart"
    return ""


def _labels(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """The labels as JSON values; whole floats as whole numbers, so that 1.0 of a file is 1 of a log."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        return [int(value) if value.is_integer() else value for value in column.to_pylist()]
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type):
        return list(column.to_pylist())
    return list(column.cast(pa.string()).to_pylist())
