"""Windows: stretches of equal length, aligned to multiples of that length since 1970 (UTC)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from mlconfig.vocabulary import Window

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlconfig.sections.monitoring import Monitoring

    Floats = np.ndarray[Any, np.dtype[np.float64]]


def place_of(moment: float, length: float) -> int:
    """The number of the window that holds a moment; window k is ``k·length ≤ t < (k + 1)·length``."""
    place = math.floor(moment / length)
    if moment < place * length:
        return place - 1
    return place + 1 if moment >= (place + 1) * length else place


def window_at(moment: float, length: float) -> Window:
    """The window of that length (seconds) that holds a moment."""
    place = place_of(moment, length)
    return Window(start=place * length, end=(place + 1) * length)


def windows_between(first: float, until: float, length: float) -> Iterator[Window]:
    """From the window that holds ``first``, all that end by ``until``, oldest first."""
    place = place_of(first, length)
    while (place + 1) * length <= until:
        yield Window(start=place * length, end=(place + 1) * length)
        place += 1


def scale_lengths(monitoring: Monitoring) -> tuple[float, ...]:
    """``every`` and each scale that is longer, in seconds, ascending.

    A longer one is merged from windows of ``every``, so it is rounded up to a multiple of it; a shorter one adds nothing.
    """
    base = monitoring.every.total_seconds()
    longer = {math.ceil(scale.total_seconds() / base - 1e-9) * base for scale in monitoring.scales}
    return (base, *sorted(length for length in longer if length > base))


def moments_of(predictions: pa.Table, time: Literal["arrival", "event"]) -> Floats:
    """When each prediction counts, seconds since 1970; NaN where it has no event time."""
    import numpy as np

    column = predictions.column("arrived" if time == "arrival" else "event_time")
    return np.asarray(column.to_numpy(), np.float64)


def watermark(moments: Floats, time: Literal["arrival", "event"], now: float) -> float:
    """Up to when windows are complete: now, or the newest event time seen; ``-inf`` when none was."""
    if time == "arrival":
        return now
    return float(moments.max()) if len(moments) else -math.inf
