"""Bootstrap resamples as counts of rows, and the percentile interval (Efron 1979): one draw serves all metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

BLOCK_CELLS = 1 << 21
"""Counts held at once (16 MiB), however many rows there are."""


def draws(rows: int, resamples: int, random_state: int) -> Iterator[Floats]:
    """Blocks of resamples: how often each row was drawn, with replacement, ``rows`` times [resamples in block, rows].

    The same numbers give the same draws, so a candidate and a champion are compared on the same resamples.
    """
    import numpy as np

    rng = np.random.default_rng(random_state)
    size = max(1, BLOCK_CELLS // max(rows, 1))
    for start in range(0, resamples, size):
        block = min(size, resamples - start)
        drawn = (np.bincount(rng.integers(0, rows, rows), minlength=rows) for _ in range(block))
        yield np.array(list(drawn), np.float64)


def percentile_interval(values: Floats, level: float) -> tuple[float, float] | None:
    """The middle ``level`` of the resampled values; null when the metric was undefined on half of them or more."""
    import numpy as np

    defined = values[np.isfinite(values)]
    if 2 * len(defined) <= len(values):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
