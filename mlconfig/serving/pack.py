"""Decoded rows as the packed inputs of the graph, in microseconds.

The same packing as `records.packing` does through Arrow (a test compares the two), straight from the structs of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from mlconfig.errors import ServingError
from mlconfig.records.columns import WEIGHTLESS_NULL
from mlconfig.records.packing import NO_TIME, Feeds, Packing
from mlconfig.records.prediction import category_text
from mlconfig.records.signature import Signature

Getter = Callable[[Any], Sequence[Any]]


def _getter(decoded_by: Signature, names: Sequence[str]) -> Getter:
    """What takes the values of these columns out of a row's struct, always as a sequence."""
    attributes = {column.name: f"f{index}" for index, column in enumerate(decoded_by.columns)}
    missing = [f"`{name}`" for name in names if name not in attributes]
    if missing:
        raise ServingError(
            f"it needs {', '.join(missing)}, which the requests of this endpoint do not have", "signature"
        )
    if not names:
        return lambda _: ()
    take = attrgetter(*(attributes[name] for name in names))
    return take if len(names) > 1 else (lambda row: (take(row),))


class RowPacker:
    """Packs the structs that `serving.decode.row_struct` made, in the order of the signature.

    ``decoded_by``: the signature that the structs follow, where it is another version's. Raises ServingError when that has not
    all that this one needs.
    """

    def __init__(self, signature: Signature, decoded_by: Signature | None = None) -> None:
        self.packing = Packing.of(signature)
        self.key = (self.packing.numeric, self.packing.categorical, self.packing.timestamp)
        """Of two packers for rows of one kind, those with the same key pack alike."""
        self._numbers = _getter(decoded_by or signature, self.packing.numeric)
        self._texts = _getter(decoded_by or signature, self.packing.categorical)

    def pack(self, rows: Sequence[Any], times: Sequence[tuple[float | None, ...]]) -> Feeds:
        """``num`` float64 [n, k] (the predictor narrows it to what the graph declares), ``cat`` [n, m], ``time`` [n, t]."""
        feeds: Feeds = {}
        if self.packing.numeric:
            feeds["num"] = np.array([self._numbers(row) for row in rows], dtype=np.float64)  # None becomes NaN
        if self.packing.categorical:
            feeds["cat"] = np.array([_as_text(self._texts(row)) for row in rows], dtype=object)
        if self.packing.timestamp:
            feeds["time"] = np.array([[_as_time(moment) for moment in row] for row in times], dtype=np.int64)
        return feeds


def _as_text(values: Sequence[Any]) -> list[str]:
    return [
        value if value.__class__ is str else WEIGHTLESS_NULL if value is None else category_text(value)
        for value in values
    ]


def _as_time(moment: float | None) -> int:
    return NO_TIME if moment is None else int(moment // 1)
