"""What a pass reads: the predictions of one endpoint block by block, and their labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mlconfig.monitoring.windows import moments_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlconfig.vocabulary import Window

    Moments = np.ndarray[Any, np.dtype[np.float64]]

COUNTED = ("prediction_id", "arrived", "event_time", "version", "prediction", "score", "inputs")
"""The columns that a window's counts are made from."""


class Log(Protocol):
    """As ``records.prediction_log.PredictionLog`` is."""

    def blocks(
        self,
        since: float | None = None,
        until: float | None = None,
        time: Literal["arrival", "event"] = "arrival",
        version: str | None = None,
        columns: Sequence[str] = (),
    ) -> Iterator[pa.Table]:
        """Predictions with ``since <= time < until``, in blocks of any order."""

    def label_blocks(self, since: float | None = None) -> Iterator[pa.Table]:
        """All labels that arrived from a moment on, as they were sent, in blocks of any order."""


def by_window(
    blocks: Iterator[pa.Table], time: Literal["arrival", "event"], length: float
) -> Iterator[tuple[float, pa.Table, Moments]]:
    """Each block cut at the bounds of the windows: a window's start, its rows in the block, and their moments.

    Rows without a moment are left out.
    """
    import numpy as np
    import pyarrow as pa

    for block in blocks:
        moments = moments_of(block, time)
        starts = starts_of(moments, length)
        order = np.argsort(starts, kind="stable")
        order = order[~np.isnan(starts[order])]
        if not len(order):
            continue
        sorted_starts = starts[order]
        rows = block if _is_in_order(order, len(block)) else block.take(pa.array(order))
        cuts = [0, *(np.flatnonzero(np.diff(sorted_starts)) + 1).tolist(), len(order)]
        for first, end in pairwise(cuts):
            yield float(sorted_starts[first]), rows.slice(first, end - first), moments[order[first:end]]


def _is_in_order(order: np.ndarray[Any, Any], rows: int) -> bool:
    return len(order) == rows and bool((order[1:] > order[:-1]).all())


def starts_of(moments: Moments, length: float) -> Moments:
    """The start of the window that holds each moment, as ``windows.window_at`` gives it [rows]."""
    import numpy as np

    place = np.floor(moments / length)
    place = np.where(moments < place * length, place - 1, place)
    place = np.where(moments >= (place + 1) * length, place + 1, place)
    return np.asarray(place * length)


def spans(windows: Sequence[Window]) -> tuple[float, float]:
    """From the first start to the last end."""
    return min(window.start for window in windows), max(window.end for window in windows)
