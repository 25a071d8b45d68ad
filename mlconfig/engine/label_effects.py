"""What labels that are imported would change: looked up before they are written, so that nobody takes silence for success."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.monitoring.label_join import keys_of
from mlconfig.monitoring.names import numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from mlconfig.records.prediction_log import PredictionLog
    from mlconfig.records.signature import Signature


@dataclass(frozen=True)
class Imported:
    """Labels by what they change. The four kinds are all of them; ``absent`` may be of any kind.

    Args:
        new: of what had no label.
        corrected: another label, with a higher version than the one that was there.
        repeated: the label that is there already.
        outranked: another label, which counts for nothing, since its version is not higher.
        absent: of predictions that are not in the log.
    """

    new: int
    corrected: int
    repeated: int
    outranked: int
    absent: int

    @property
    def rows(self) -> int:
        """All labels."""
        return self.new + self.corrected + self.repeated + self.outranked


def effects_of(labels: pa.Table, log: PredictionLog, signature: Signature) -> Imported:
    """What labels of one file would change.

    Args:
        labels: as of `records.feedback.label_table`, all by id or all by key.
        log: of the endpoint.
        signature: names the key's columns.
    """
    name = "prediction_id" if labels.column("prediction_id").null_count == 0 else "key"
    numbers, place = np.unique(numbers_of(labels.column(name)), return_inverse=True)
    label, version = numbers_of(labels.column("label")), labels.column("label_version").to_numpy()
    known, best = _Best(numbers), _Best(numbers)
    for block in log.label_blocks():
        known.take(block, name)
    best.choose(place, label, version, np.arange(len(place), dtype=np.float64))
    is_best = np.arange(len(place)) == best.arrived[place]
    was, had = known.version[place], known.label[place]
    counts = np.where(best.version > known.version, best.label, known.label)[place]
    new = is_best & (was == 0)
    corrected = is_best & (was > 0) & (version > was) & (label != had)
    superseded = version < best.version[place]  # by a row of the same file, which means it so
    repeated = ~new & ~corrected & ((label == counts) | superseded)
    there = _in_the_log(numbers, _names(log, name, signature))
    sums = [int(each.sum()) for each in (new, corrected, repeated, ~(new | corrected | repeated), ~there[place])]
    return Imported(*sums)


class _Best:
    """The label that counts of each name [names]: the highest version, then the first arrival. Version 0 is none yet."""

    def __init__(self, numbers: Any) -> None:
        self._numbers = numbers
        self.version = np.zeros(len(numbers), np.int64)
        self.label = np.zeros(len(numbers), np.uint64)
        self.arrived = np.full(len(numbers), np.inf)

    def take(self, block: pa.Table, name: str) -> None:
        """Take a block of the log's labels; those of other names are passed over."""
        mine = block.filter(block.column(name).is_valid())
        place, hit = _find(self._numbers, numbers_of(mine.column(name)))
        if hit.any():
            columns = numbers_of(mine.column("label")), *(mine.column(each).to_numpy() for each in _ORDER)
            self.choose(place[hit], *(column[hit] for column in columns))

    def choose(self, place: Any, label: Any, version: Any, arrived: Any) -> None:
        """Take rows of names by their places."""
        order = np.lexsort((arrived, -version, place))
        order = order[np.flatnonzero(np.diff(place[order], prepend=-1))]
        where, version, arrived = place[order], version[order], arrived[order]
        better = (version > self.version[where]) | ((version == self.version[where]) & (arrived < self.arrived[where]))
        chosen = where[better]
        self.version[chosen], self.arrived[chosen] = version[better], arrived[better]
        self.label[chosen] = label[order][better]


_ORDER = ("label_version", "arrived")


def _find(numbers: Any, wanted: Any) -> tuple[Any, Any]:
    """The place of each among the sorted numbers, and whether it is there."""
    place = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    return place, numbers[place] == wanted


def _names(log: PredictionLog, name: str, signature: Signature) -> Iterator[pa.ChunkedArray]:
    column = name if name == "prediction_id" else "inputs"
    for block in log.blocks(columns=(column,)):
        yield block.column(column) if column == name else keys_of(block, signature)


def _in_the_log(numbers: Any, names: Iterator[pa.ChunkedArray]) -> Any:
    """Which names are of predictions; the log is read no further than to the last of them."""
    there = np.zeros(len(numbers), bool)
    for block in names:
        place, hit = _find(numbers, numbers_of(block.drop_null()))
        there[place[hit]] = True
        if there.all():
            break
    return there
